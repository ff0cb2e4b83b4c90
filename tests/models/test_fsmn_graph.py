"""The optimised graph against the definition of the network, stated plainly in float64."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segue.errors import ModelInvalid
from segue.models.fsmn_graph import Cmvn, build
from segue.models.fsmn_weights import FsmnWeights
from segue.speech.features import Frontend
from tests.models.networks import KALDI_8K, Sizes, plain_features, plain_posteriors, random_cmvn, random_weights

Array = NDArray[np.float32]


class Built:
    """A built graph and what it was built from."""

    def __init__(self, sizes: Sizes, frontend: Frontend, seed: int = 0, classes: Sequence[int] = (0,)) -> None:
        self.sizes, self.frontend, self.classes = sizes, frontend, list(classes)
        self.weights, self.cmvn = random_weights(sizes, seed), random_cmvn(sizes.inputs, seed)
        self.session = session(self.weights, self.cmvn, frontend, self.classes)

    def state(self, streams: int) -> Array:
        shape = (self.sizes.layers, streams, self.sizes.taps - 1, self.sizes.projection)
        return np.zeros(shape, dtype=np.float32)

    def run(self, power: Array, state: Array) -> tuple[Array, Array]:
        p, after = self.session.run(None, {"power": power, "state": state})
        return p, after

    def plain(self, power: Array) -> NDArray[np.float64]:
        posteriors = plain_posteriors(self.weights, plain_features(power, self.frontend, self.cmvn))
        return np.asarray(posteriors[:, self.classes].sum(axis=1))


def session(
    weights: FsmnWeights, cmvn: Cmvn, frontend: Frontend, classes: Sequence[int] = (0,)
) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(build(frontend, cmvn, weights, classes), providers=["CPUExecutionProvider"])


def spectra(frames: int, frontend: Frontend, seed: int, streams: int = 1) -> Array:
    """Power spectra over the range from silence to full scale, float32 (streams, frames, bins)."""
    rng = np.random.default_rng(seed)
    exponents = rng.uniform(-12, 2, (streams, frames, 1)) + rng.uniform(-2, 0, (streams, frames, frontend.bins))
    return (10**exponents).astype(np.float32)


def frontend_of(mel_bins: int, lookahead: int) -> Frontend:
    return Frontend(sample_rate=1_000, mel_bins=mel_bins, lfr_frames=2 * lookahead + 1)


sizes_of_networks = st.builds(
    Sizes,
    input_affine=st.integers(1, 9),
    linear=st.integers(1, 17),
    projection=st.integers(1, 17),
    taps=st.integers(1, 20),
    layers=st.integers(1, 3),
    output_affine=st.integers(1, 9),
    outputs=st.integers(2, 9),
)


@settings(max_examples=40, deadline=None)
@given(
    sizes=sizes_of_networks,
    mel_bins=st.integers(1, 6),
    lookahead=st.integers(0, 3),
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    streams=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_graph_computes_the_network(
    sizes: Sizes, mel_bins: int, lookahead: int, lengths: list[int], streams: int, seed: int
) -> None:
    """For networks of any size, any number of streams, in one shot or in chunks, p equals the definition."""
    frontend = frontend_of(mel_bins, lookahead)
    sizes = replace(sizes, inputs=mel_bins * frontend.lfr_frames)
    classes = [0, sizes.outputs - 1]
    built = Built(sizes, frontend, seed, classes)
    frames = sum(lengths)
    power = spectra(frames + 2 * lookahead, frontend, seed, streams)
    expected = np.stack([built.plain(one) for one in power])
    whole, _ = built.run(power, built.state(streams))
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    state, at, pieces = built.state(streams), 0, []
    for length in lengths:
        p, state = built.run(power[:, at : at + length + 2 * lookahead], state)
        assert p.shape == (streams, length)
        assert state.shape == built.state(streams).shape
        pieces.append(p)
        at += length
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), expected, atol=1e-5)


REAL = Sizes(400, 140, 250, 128, 20, 4, 140, 248)  # FunASR's own


@pytest.fixture(scope="module")
def real_size() -> Built:
    return Built(REAL, Frontend(), classes=range(124))


def test_a_network_of_the_real_size(real_size: Built) -> None:
    """At the size of the default model the graph stays within 1e-5 of the definition, over 300 frames."""
    power = spectra(304, real_size.frontend, 1)
    p, _ = real_size.run(power, real_size.state(1))
    np.testing.assert_allclose(p[0], real_size.plain(power[0]), atol=1e-5)
    assert p.std() > 0.01  # it says something


def test_streams_of_a_batch_do_not_touch_each_other(real_size: Built) -> None:
    """Each stream of a batch of 16 gets what it gets alone, whatever the others hold."""
    power = spectra(24, real_size.frontend, 2, streams=16)
    rng = np.random.default_rng(3)
    state = rng.standard_normal(real_size.state(16).shape).astype(np.float32)
    together, after = real_size.run(power, state)
    for i in range(16):
        alone, after_alone = real_size.run(power[i : i + 1], state[:, i : i + 1])
        np.testing.assert_allclose(together[i : i + 1], alone, atol=1e-6)
        np.testing.assert_allclose(after[:, i : i + 1], after_alone, atol=1e-5)


def test_the_state_is_the_last_of_what_the_memories_heard(real_size: Built) -> None:
    """Chunks shorter than the memory shift it, so that 30 frames one by one leave the state that 30 at once leave."""
    power = spectra(34, real_size.frontend, 4)
    _, whole = real_size.run(power, real_size.state(1))
    state = real_size.state(1)
    for t in range(30):
        _, state = real_size.run(power[:, t : t + 5], state)
    np.testing.assert_allclose(state, whole, atol=1e-5)
    assert np.abs(whole).min(axis=(0, 1, 3)).max() > 0  # all of it was written


def test_silence_classes_add_up() -> None:
    """p(silence) is the sum over all silence classes; over all classes it is 1."""
    frontend = frontend_of(4, 1)
    sizes = Sizes(inputs=12)
    power, one, every = spectra(20, frontend, 5), {}, range(sizes.outputs)
    for silence in every:
        built = Built(sizes, frontend, classes=[silence])
        one[silence], _ = built.run(power, built.state(1))
    both, _ = Built(sizes, frontend, classes=[2, 5]).run(power, built.state(1))
    np.testing.assert_allclose(both, one[2] + one[5], atol=1e-6)
    np.testing.assert_allclose(sum(one.values()), np.ones_like(both), atol=1e-5)


PRECISIONS: Mapping[str, float] = {"float64": 1e-6, "float16": 5e-2}


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_weights_of_any_precision_become_float32(dtype: str) -> None:
    """Half and double precision weights make the float32 graph: the inputs and outputs of every model are alike."""
    frontend = frontend_of(4, 1)
    sizes = Sizes(inputs=12)
    weights, cmvn = random_weights(sizes), random_cmvn(12)

    def cast(arrays: object) -> object:
        return np.asarray(arrays, dtype=dtype)

    def affine(given: object) -> object:
        return replace(given, weight=cast(given.weight), bias=cast(given.bias))  # type: ignore[attr-defined, type-var]  # an Affine

    other = FsmnWeights(
        tuple(map(affine, weights.inputs)),  # type: ignore[arg-type]  # of another precision, on purpose
        tuple(
            replace(b, projection=cast(b.projection), memory=cast(b.memory), affine=affine(b.affine))  # type: ignore[arg-type]
            for b in weights.blocks
        ),
        tuple(map(affine, weights.outputs)),  # type: ignore[arg-type]
    )
    power = spectra(20, frontend, 6)
    state = np.zeros((2, 1, 3, 6), dtype=np.float32)
    given_cast, _ = session(other, cmvn, frontend).run(None, {"power": power, "state": state})
    expected, _ = session(weights, cmvn, frontend).run(None, {"power": power, "state": state})
    assert given_cast.dtype == np.float32
    np.testing.assert_allclose(given_cast, expected, atol=PRECISIONS[dtype])


def test_digital_silence_is_scored_like_any_audio() -> None:
    """Rows of zeros are floored before the logarithm: finite probabilities, as the definition has them."""
    built = Built(Sizes(inputs=12), frontend_of(4, 1))
    power = np.zeros((1, 22, built.frontend.bins), dtype=np.float32)
    p, _ = built.run(power, built.state(1))
    np.testing.assert_allclose(p[0], built.plain(power[0]), atol=1e-6)


def test_little_is_not_made_into_much() -> None:
    """Two last affines that narrow to one value stay two: folded, a file of a few KB would make a matrix of 3.6 GB."""
    weights = random_weights(Sizes(linear=30_000, projection=1, output_affine=1, outputs=30_000, layers=1))
    assert len(build(KALDI_8K, random_cmvn(24), weights, [0])) < 4_000_000


def test_products_that_are_no_numbers_are_refused() -> None:
    """Weights that are finite, with means or scales that make their products infinite in float32, are a bad model."""
    cmvn = random_cmvn(24)
    for large in (Cmvn(cmvn.shift, cmvn.scale * 1e39), Cmvn(cmvn.shift * 1e300, cmvn.scale * 1e300)):
        with pytest.raises(ModelInvalid, match="too large"):
            build(KALDI_8K, large, random_weights(Sizes()), [0])
