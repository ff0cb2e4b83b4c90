"""Triton's own client, and requests that it would never send."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import requests
import tritonclient.http as triton
from numpy.typing import NDArray

from segue.edges.http.app import build
from segue.edges.inference_protocol.router import router
from segue.service import Service
from tests.edges.http.server import Address, serving

Client: TypeAlias = triton.InferenceServerClient

NAME = "fsmn-vad"
"""What the service calls itself: the setting ``model``."""


@contextmanager
def speaking(service: Service) -> Iterator[Address]:
    """A service's app with this edge, on a port."""
    app = build(service)
    app.include_router(router)
    with serving(app) as address:
        yield address


@contextmanager
def client_of(address: Address) -> Iterator[Client]:
    """For the length of a block."""
    client = triton.InferenceServerClient(f"{address.host}:{address.port}")
    try:
        yield client
    finally:
        client.close()


def samples(seconds: float = 4.0) -> NDArray[np.float32]:
    """16 kHz: one second of every two is loud."""
    time_s = np.arange(int(16_000 * seconds)) / 16_000
    loud: NDArray[np.float64] = 0.3 * np.sin(2 * np.pi * 440 * time_s) * (time_s.astype(int) % 2)
    return loud.astype(np.float32)


def audio(values: NDArray[Any], *, binary: bool = True) -> triton.InferInput:
    """The input ``audio``."""
    datatype = {"float32": "FP32", "int16": "INT16"}[values.dtype.name]
    return triton.InferInput("audio", list(values.shape), datatype).set_data_from_numpy(values, binary_data=binary)


def post(
    address: Address, body: Any, *, path: str = f"models/{NAME}/infer", header: int | str | None = None, **more: str
) -> requests.Response:
    """Whatever body, with whatever length of its JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = more | ({} if header is None else {"Inference-Header-Content-Length": str(header)})
    return requests.post(f"{address.url}/v2/{path}", data=data, headers=headers, timeout=30)
