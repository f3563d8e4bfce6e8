"""What a configuration asks of the base OS, in every phase of an update."""

import pytest

from eaves.evapi.config import BaseOS, ContentTree, DeviceOpsCmd, EdgeDevConfig
from eaves.ids import ContentTreeId
from eaves.node import refs
from eaves.node.baseos.intent import Standing, Wanted, asked, is_barred, is_forced, wanted_of
from eaves.node.baseos.record import Bar
from eaves.node.baseos.slots import TRIAL, Event, Phase, move, takes

TREE = "8f0d7c1e-0000-4000-8000-000000000001"
AT = "2026-01-02T03:04:05+00:00"


def wanted(version: str = "2", *, activate: bool = True, retry: int | None = None) -> Wanted:
    return Wanted(version, refs.content_tree(ContentTreeId(TREE), 1), activate, retry)


def standing(phase: Phase, target: str = "", *bars: Bar) -> Standing:
    return Standing(phase, "1", target, {bar.version: bar for bar in bars})


def bar(version: str, retry: int | None = None) -> Bar:
    return Bar(version, retry, "it panicked", AT)


def test_a_configuration_names_version_content_and_counter() -> None:
    config = EdgeDevConfig(
        baseos=BaseOS(
            content_tree_uuid=TREE.upper(),
            retry_update=DeviceOpsCmd(counter=3),
            activate=True,
            base_os_version="2",
        ),
        content_info=(ContentTree(uuid=TREE, generation_count=1),),
    )
    assert wanted_of(config) == wanted(retry=3)


def test_nothing_said_and_content_that_is_not_there() -> None:
    assert wanted_of(EdgeDevConfig()) is None
    assert wanted_of(EdgeDevConfig(baseos=BaseOS(activate=True))) is None
    found = wanted_of(EdgeDevConfig(baseos=BaseOS(content_tree_uuid=TREE, base_os_version="2")))
    assert found == Wanted("2", None, activate=False, retry=None)


CASES = [
    (standing(Phase.IDLE), None, None),
    (standing(Phase.IDLE), wanted("1"), None),
    (standing(Phase.IDLE), wanted(activate=False), None),
    (standing(Phase.IDLE), wanted(), Event.WANTED),
    (standing(Phase.IDLE, "", bar("2")), wanted(), Event.BARRED),
    (standing(Phase.IDLE, "", bar("2", 1)), wanted(retry=1), Event.BARRED),
    (standing(Phase.IDLE, "", bar("2", 1)), wanted(retry=2), Event.WANTED),
    (standing(Phase.IDLE, "", bar("3")), wanted(), Event.WANTED),
    (standing(Phase.FETCHING, "2"), wanted(), None),
    (standing(Phase.FETCHING, "2"), wanted("3"), Event.OTHER_WANTED),
    (standing(Phase.FETCHING, "2", bar("3")), wanted("3"), Event.WITHDRAWN),
    (standing(Phase.SEALING, "2", bar("3", 1)), wanted("3", retry=2), Event.OTHER_WANTED),
    (standing(Phase.REBOOTING, "2", bar("3")), wanted("3"), Event.WITHDRAWN),
    (standing(Phase.REBOOTING, "", bar("3")), wanted("3"), None),
    (standing(Phase.FETCHING, "2"), wanted(activate=False), Event.WITHDRAWN),
    (standing(Phase.WRITING, "2"), None, Event.WITHDRAWN),
    (standing(Phase.SEALING, "2"), wanted("1"), Event.WITHDRAWN),
    (standing(Phase.REBOOTING, "2"), wanted("3"), Event.OTHER_WANTED),
    (standing(Phase.WAITING, "1"), wanted("1"), None),
    (standing(Phase.TESTING, "1"), wanted("2"), Event.OTHER_WANTED),
    (standing(Phase.TESTING, "1", bar("2")), wanted("2"), None),
    (standing(Phase.COMMITTING, "1"), None, None),
    (standing(Phase.LEAVING, "1"), wanted("2"), None),
    (standing(Phase.FAILED, "2", bar("2", 1)), wanted(retry=1), None),
    (standing(Phase.FAILED, "2", bar("2", 1)), wanted(retry=2), Event.RETRY),
    (standing(Phase.FAILED, "2", bar("2")), wanted(retry=1), Event.RETRY),
    (standing(Phase.FAILED, "2", bar("2", 1)), wanted(retry=None), None),
    (standing(Phase.FAILED, "2", bar("2")), wanted("3"), Event.OTHER_WANTED),
    (standing(Phase.FAILED, "2", bar("2"), bar("3")), wanted("3"), None),
    (standing(Phase.FAILED, "2", bar("2")), wanted("1"), None),
    (standing(Phase.REFUSED, "2", bar("2")), wanted("1"), Event.WITHDRAWN),
    (standing(Phase.REFUSED, "2", bar("2")), wanted("3"), Event.OTHER_WANTED),
    (standing(Phase.REFUSED, "2", bar("2")), wanted(retry=9), Event.RETRY),
]


@pytest.mark.parametrize(("where", "wish", "event"), CASES)
def test_what_is_asked(where: Standing, wish: Wanted | None, event: Event | None) -> None:
    assert asked(where, wish) is event


@pytest.mark.parametrize(("where", "event"), [(where, event) for where, _, event in CASES])
def test_what_is_asked_is_known_in_its_phase(where: Standing, event: Event | None) -> None:
    assert event is None or takes(where.phase, event)


@pytest.mark.parametrize("phase", [p for p in Phase if p not in (*TRIAL, Phase.START)])
def test_asking_ends(phase: Phase) -> None:
    """What a phase asks for, the next phase does not ask for again at once."""
    where = standing(phase, "2")
    event = asked(where, wanted("3"))
    if event is None:
        return
    after, _ = move(phase, event)
    bars = (bar("3"),) if event is Event.BARRED else ()
    assert asked(standing(after, "3", *bars), wanted("3")) in (None, Event.BARRED)


def test_a_bar_holds_until_its_counter_moves() -> None:
    bars = {"2": bar("2", 4)}
    assert is_barred(bars, wanted(retry=4))
    assert is_barred(bars, wanted(retry=None))
    assert not is_barred(bars, wanted(retry=5))
    assert not is_barred(bars, wanted("3", retry=4))


def test_the_first_fallback_counter_is_only_stored() -> None:
    assert not is_forced(7, None)
    assert not is_forced(7, 7)
    assert is_forced(8, 7)
    assert is_forced(0, 7)
