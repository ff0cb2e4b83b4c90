"""A user's directory, kept in the store by its content."""

from pathlib import Path

import pytest

from segue.errors import DigestMismatch, ModelNotFound
from segue.hub.kept import keep
from segue.hub.resolved import ResolvedModel
from segue.hub.resolver import resolve
from segue.hub.store import Store
from tests.hub.loopback import model_files


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A model of the user's, in a folder with a name that no repository could have."""
    folder = tmp_path / "my model (2)"
    folder.mkdir()
    for name, data in model_files().items():
        (folder / name).write_bytes(data)
    return folder


def found(directory: Path, store: Store) -> ResolvedModel:
    return resolve(directory, store=store, connect_timeout_s=0.1, fetch_timeout_s=1)


def test_a_directory_is_kept_by_its_content(directory: Path, store: Store) -> None:
    """What is answered lies in the store and goes by the name that was asked for; later writes to the directory are
    another model."""
    before = found(directory, store)
    kept = keep(before, store)
    assert (kept.model_id, kept.revision, kept.digest) == (str(directory), None, before.digest)
    assert kept.directory.is_relative_to(store.root)
    (directory / "model.pt").write_bytes(b"other weights")
    after = keep(found(directory, store), store)
    assert after.digest != kept.digest
    for model, weights in ((kept, model_files()["model.pt"]), (after, b"other weights")):
        again = store.find_digest(model.digest)
        assert again is not None
        assert (again.directory / "model.pt").read_bytes() == weights


def test_keeping_again_is_once(directory: Path, store: Store) -> None:
    """The same content is kept once, whatever the directory is called, and listed under local/."""
    first = keep(found(directory, store), store)
    moved = directory.rename(directory.with_name("other"))
    assert keep(found(moved, store), store).directory == first.directory
    assert [model.model_id for model in store.models()] == ["local/my_model__2_"]


def test_what_came_from_the_store_is_answered_as_it_is(directory: Path, store: Store) -> None:
    """A model of a repository is in the store already."""
    model = keep(found(directory, store), store)
    (listed,) = store.models()
    assert keep(listed, store) is listed
    assert model.revision is None


def test_bytes_that_change_while_they_are_kept_are_refused(directory: Path, store: Store) -> None:
    """What is kept is what was hashed: written to in between, nothing is kept."""
    before = found(directory, store)
    (directory / "model.pt").write_bytes(b"written just now")
    with pytest.raises(DigestMismatch):
        keep(before, store)
    assert store.models() == []
    assert store.find_digest(before.digest) is None


def test_a_damaged_copy_is_not_found(directory: Path, store: Store) -> None:
    """find_digest looks at every byte: a copy that was changed on the disk is none, and is kept anew."""
    kept = keep(found(directory, store), store)
    damaged = kept.directory / "model.pt"
    damaged.chmod(0o644)
    damaged.write_bytes(b"x" * len(model_files()["model.pt"]))
    assert store.find_digest(kept.digest) is None
    assert keep(found(directory, store), store).digest == kept.digest
    assert store.find_digest(kept.digest) is not None


def test_what_was_made_here_is_found_by_its_name_alone_and_never_asked_of_a_hub(directory: Path, store: Store) -> None:
    """Where there is one of that name; of several, or of none, it says which there are."""
    first = keep(found(directory, store), store)

    def by_name(name: str, revision: str | None = None) -> ResolvedModel:
        return resolve(name, revision, store=store, connect_timeout_s=0.1, fetch_timeout_s=1)

    assert by_name("local/my_model__2_").digest == first.digest
    with pytest.raises(ModelNotFound, match=r"in the store here is local/my_model__2_@"):
        by_name("local/my_model__2_@other")
    with pytest.raises(ModelNotFound, match=r"in the store here is nothing of the name local/none"):
        by_name("local/none")
    (directory / "model.pt").write_bytes(b"other weights")
    second = keep(found(directory, store), store)
    revisions = [str(each.revision) for each in store.models()]
    with pytest.raises(ModelNotFound) as caught:
        by_name("local/my_model__2_")
    assert all(revision in str(caught.value) for revision in revisions)
    assert {by_name("local/my_model__2_", each).digest for each in revisions} == {first.digest, second.digest}
