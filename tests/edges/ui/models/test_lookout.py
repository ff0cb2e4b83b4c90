"""One look at the service a second for all pages."""

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.edges.ui.door import Door
from segue.edges.ui.models.lookout import KEPT_S, Lookout, Seen, lookout_of
from segue.edges.ui.models.traffic import STEP_S
from segue.errors import JournalUnavailable
from segue.service import Ask
from segue.swap import ModelSpec
from tests.edges.http.service import TIMEOUT_S, LoudService, loud_service, model, recording
from tests.edges.ui.models.test_traffic import Clock


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LoudService]:
    with loud_service(tmp_path / "home") as made:
        made.serve(model(tmp_path, "a"))
        yield made


def parts(seen: Seen) -> dict[str, str]:
    return {"epoch": str(seen.status.epoch)}


def test_pages_share_a_look(service: LoudService, tmp_path: Path) -> None:
    """Within a second all see the same, each language made once; then, or when something was done, it looks anew."""
    clock, made = Clock(), []

    def counted(seen: Seen) -> dict[str, str]:
        made.append(seen)
        return parts(seen)

    lookout = Lookout(service, clock=clock)
    for language in ("en", "zh", "en", "zh"):
        assert lookout.look(language, counted)[1] == {"epoch": "1"}
    assert len(made) == 2
    assert made[0] is made[1]
    service.serve(model(tmp_path, "b"))
    assert lookout.look("en", counted)[1] == {"epoch": "1"}
    clock.now_s += KEPT_S
    assert lookout.look("en", counted)[1] == {"epoch": "2"}
    service.serve(tmp_path / "a")
    lookout.forget()
    assert lookout.look("zh", counted)[1] == {"epoch": "3"}


def test_many_that_come_at_once_wait_for_one_look(service: LoudService) -> None:
    """Whoever comes while somebody looks gets that look."""
    made: list[Seen] = []
    lookout = Lookout(service, clock=Clock())

    def look() -> None:
        lookout.look("en", lambda seen: made.append(seen) or parts(seen))  # type: ignore[func-returns-value]

    threads = [threading.Thread(target=look) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert len(made) == 1


def test_it_sees_the_traffic_the_rollout_and_the_history(service: LoudService, tmp_path: Path) -> None:
    """Everything that the parts are made of."""
    clock = Clock()
    lookout = Lookout(service, clock=clock)
    first, _ = lookout.look("en", parts)
    assert (first.rollout, first.courses) == (None, ())
    service.detect(recording(), Ask(key="k")).future.result(TIMEOUT_S)
    wanted = ModelSpec(str(model(tmp_path, "b")))
    service.rollout(wanted, {"step": "1h"}, who="ada").future.result(TIMEOUT_S)
    clock.now_s += STEP_S
    seen, _ = lookout.look("en", parts)
    assert seen.rollout is not None
    assert seen.mirror is not None
    assert len(seen.courses) == 1
    assert seen.rows[0].seq > first.rows[0].seq
    assert seen.rows_error is None


def test_a_history_that_cannot_be_read_is_no_end_of_the_look(service: LoudService) -> None:
    """The rest is told, and what is wrong with it."""
    lookout = Lookout(service, clock=Clock())
    service.journal.close()
    seen, _ = lookout.look("en", parts)
    assert isinstance(seen.rows_error, JournalUnavailable)
    assert seen.status.epoch == 1


def test_a_service_has_one_and_takes_it_along(service: LoudService) -> None:
    """Both languages share it by their door; with the door it goes."""
    door, other = (Door(service.access, service.token) for _ in range(2))
    found = lookout_of(service, door)
    assert lookout_of(service, door) is found
    assert lookout_of(service, other) is not found
    gone = weakref.ref(door)
    del door
    gc.collect()
    assert gone() is None
