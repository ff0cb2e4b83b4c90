"""The digest of a model."""

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from segue.hub.digests import file_sha256, is_sha256, model_digest


@given(st.dictionaries(st.sampled_from(["a", "b", "model.pt"]), st.sampled_from(["0" * 64, "1" * 64]), min_size=1))
def test_model_digest_does_not_depend_on_order(files: dict[str, str]) -> None:
    """The digest is a function of the set of (name, SHA-256) pairs."""
    assert model_digest(files) == model_digest(dict(reversed(files.items())))
    assert is_sha256(model_digest(files))


def test_model_digest_tells_names_and_bytes_apart() -> None:
    """The same bytes under another name, other bytes, or a file more are another model."""
    one, two = "1" * 64, "2" * 64
    assert len({model_digest(files) for files in ({"a": one}, {"b": one}, {"a": two}, {"a": one, "b": two})}) == 4


def test_file_sha256_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    """A file's digest is what sha256sum would print."""
    (tmp_path / "f").write_bytes(b"abc")
    assert file_sha256(tmp_path / "f") == hashlib.sha256(b"abc").hexdigest()
    assert not is_sha256("A" * 64)
    assert not is_sha256("a" * 63)
