"""``WS /v1/realtime``: who may, for which model, and how a session ends that cannot be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.edges.realtime.talking import client, raw
from tests.edges.streaming import Running, running

pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
"""OpenAI's client that is not async uses websockets 17 in the way of before."""


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Nothing without the token; ``first`` serves."""
    with running(tmp_path_factory.mktemp("home"), is_open=False) as server:
        server.service.serve("first")
        yield server
        server.wait(server.service.is_given_back)


def test_the_token_is_the_key_of_openai_s_client(closed: Running) -> None:
    """As OPENAI_API_KEY; in both of its realtime clients. Another one is 401, as theirs is."""
    with client(closed, token=closed.service.token).realtime.connect() as connection:
        assert connection.recv().type == "session.created"
    with client(closed, token=closed.service.token).beta.realtime.connect(model="test/first") as connection:
        assert connection.recv().type == "session.created"
    for wrong in ("wrong", ""):
        with pytest.raises(InvalidStatus) as refused, client(closed, token=wrong or "x").realtime.connect():
            pass
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    "others", [["realtime"], ["realtime", "openai-beta.realtime-v1"], ["openai-beta.realtime-v1"], []]
)
def test_the_token_may_come_as_a_subprotocol(closed: Running, others: list[str]) -> None:
    """As browsers send it; another subprotocol is accepted where there is one, so that it is not said back."""
    spoken: Any = [f"openai-insecure-api-key.{closed.service.token}", *others]
    with connect(f"ws://{closed.host}:{closed.port}/v1/realtime", subprotocols=spoken) as connection:
        assert connection.subprotocol == (others[0] if others else spoken[0])
    spoken[0] = "openai-insecure-api-key.wrong"
    with pytest.raises(InvalidStatus), connect(f"ws://{closed.host}:{closed.port}/v1/realtime", subprotocols=spoken):
        pass


def test_the_refusal_names_the_ways_of_this_door(closed: Running) -> None:
    """In the answer to the handshake."""
    with pytest.raises(InvalidStatus) as refused, raw(closed):
        pass
    assert b"openai-insecure-api-key.TOKEN" in (refused.value.response.body or b"")


@pytest.mark.parametrize("name", ["test/first", "test/first@v1", "version", ""])
def test_a_model_that_serves_may_be_named(tmp_path: Path, name: str) -> None:
    """By its ID, with its revision or the name of the version; or left out."""
    with running(tmp_path) as server:
        version = server.service.serve("first")
        with raw(server, f"model={version if name == 'version' else name}") as session:
            assert session.hear("session.created")["session"]["model"] == "test/first"


def test_another_model_is_an_error_that_says_which_serve(closed: Running) -> None:
    """And the session ends."""
    token = closed.service.token
    with raw(closed, "model=gpt-realtime", authorization=f"Bearer {token}") as session:
        assert session.hear_all() == 1008
    (event,) = session.told
    assert (event["type"], event["error"]["code"]) == ("error", "model_not_found")
    assert "test/first" in event["error"]["message"]


def test_the_first_event_tells_the_shape(closed: Running) -> None:
    """The beta's header or subprotocol asks for the flat one, ``intent`` for a transcription session."""
    bearer = {"authorization": f"Bearer {closed.service.token}"}
    with raw(closed, **bearer) as session:
        assert session.hear("session.created")["session"]["audio"]["input"]["format"]["rate"] == 24_000
    with raw(closed, openai_beta="realtime=v1", **bearer) as session:
        assert session.hear("session.created")["session"]["input_audio_format"] == "pcm16"
    with raw(closed, protocols=["realtime", "openai-beta.realtime-v1"], **bearer) as session:
        assert session.hear("session.created")["session"]["input_audio_format"] == "pcm16"
    with raw(closed, "intent=transcription", **bearer) as session:
        assert session.hear("session.created")["session"]["type"] == "transcription"
    with raw(closed, "intent=transcription", openai_beta="realtime=v1", **bearer) as session:
        session.hear("transcription_session.created")


def test_what_has_no_place_is_told_so(tmp_path: Path) -> None:
    """Over the number of streams, and before anything serves: an error of the right type, and 1013."""
    with running(tmp_path, max_streams=1, max_streams_per_client=1) as server:
        with raw(server) as session:
            assert session.hear_all() == 1013
        assert session.told[0]["error"]["code"] == "not_ready"
        server.service.serve("first")
        with raw(server) as first, raw(server) as second:
            first.hear("session.created")
            assert second.hear_all() == 1013
        assert second.told[0]["error"]["type"] == "rate_limit_error"
        server.wait(server.service.is_given_back)


def test_a_server_that_stops_says_so_to_a_session_that_brings_nothing(tmp_path: Path) -> None:
    """Its stop does not wait for one: 1012, so that the client comes again."""
    with running(tmp_path, drain_s=30.0) as server:
        server.service.serve("first")
        place = f"{server.host}:{server.port}/v1"
        with raw(server) as session, OpenAI(api_key="x", base_url=f"http://{place}").realtime.connect() as other:
            session.hear("session.created")
            assert other.recv().type == "session.created"
            server.stop()
            assert session.hear_all() == 1012
        assert [event["error"]["code"] for event in session.of("error")] == ["shutting_down"]
