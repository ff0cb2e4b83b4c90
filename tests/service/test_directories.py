"""Which directories may be named over HTTP."""

from pathlib import Path

import pytest

from segue.errors import InvalidModelID, InvalidPlan
from segue.service.directories import Directories
from segue.settings import read_settings
from segue.swap import ModelSpec
from tests.edges.http.service import loud_service, model


def directories(home: Path, **settings: object) -> Directories:
    return Directories(read_settings(home=home, **settings))


def allows(allowed: Directories, path: Path | str) -> bool:
    """Whether it may be named: as a model and as golden clips alike."""
    try:
        allowed.check_model(str(path))
    except InvalidModelID:
        with pytest.raises(InvalidPlan):
            allowed.check_clips(str(path))
        return False
    allowed.check_clips(str(path))
    return True


def test_on_loopback_any_directory_may_be_named(tmp_path: Path) -> None:
    """Who has the token is on this machine; a list, once there is one, counts there too."""
    assert allows(directories(tmp_path), "/etc")
    assert not allows(directories(tmp_path, model_directories=[tmp_path]), "/etc")


def test_elsewhere_only_what_is_listed(tmp_path: Path) -> None:
    """None unless the operator says so; then that directory and all below it, and ``/`` is all."""
    (tmp_path / "models").mkdir()
    assert not allows(directories(tmp_path, host="0.0.0.0"), tmp_path / "models")
    listed = directories(tmp_path, host="0.0.0.0", model_directories=[tmp_path / "models"])
    assert allows(listed, tmp_path / "models")
    assert allows(listed, tmp_path / "models" / "new" / "one")
    assert not allows(listed, tmp_path)
    assert not allows(listed, "/")
    assert not allows(listed, f"{tmp_path}/models-of-another")
    assert allows(directories(tmp_path, host="0.0.0.0", model_directories=["/"]), "/etc")


def test_no_way_leads_around_the_list(tmp_path: Path) -> None:
    """Dots, doubled slashes and symbolic links are followed before they are compared; a NUL is refused."""
    inside, outside = tmp_path / "models", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    (outside / "back").symlink_to(inside)
    listed = directories(tmp_path, host="0.0.0.0", model_directories=[inside])
    for path in (inside / "link", inside / "link" / "x", f"{inside}/../outside", f"//{outside}", f"{inside}/\0"):
        assert not allows(listed, path), path
    assert allows(listed, outside / "back")


def test_what_the_operator_serves_may_be_named(tmp_path: Path) -> None:
    """The directory of ``--model`` is allowed without being listed: or the service could not begin, nor go back."""
    allowed = directories(tmp_path, host="0.0.0.0", model=str(tmp_path / "mine"))
    assert allows(allowed, tmp_path / "mine")
    assert not allows(allowed, tmp_path / "other")


def test_every_way_in_is_checked(tmp_path: Path) -> None:
    """Switch, prepare, rollout, follow and a plan's golden clips refuse it at once, with what is accepted."""
    with loud_service(tmp_path / "home", model_directories=[tmp_path / "models"]) as service:
        spec = ModelSpec(str(model(tmp_path, "elsewhere")), None, {})
        ways = (
            lambda: service.switch(spec, who="test"),
            lambda: service.prepare(spec, who="test"),
            lambda: service.rollout(spec, {}, who="test"),
            lambda: service.follower.follow(spec, {}, every_s=60, who="test"),
        )
        for way in ways:
            with pytest.raises(InvalidModelID, match=r"only what is under .*/models may be named"):
                way()
        with pytest.raises(InvalidPlan, match=r"golden=.*/clips' is refused"):
            service.rollout(ModelSpec("fsmn-vad", None, {}), {"golden": str(tmp_path / "clips")}, who="test")
