"""What somebody sees of the events, how they are written, how many streams there may be."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from eaves.controller.domain.authz import Area, Grant, Rights, Verb
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.stream import frames
from eaves.controller.northbound.stream.places import Places, pause
from eaves.controller.northbound.stream.sight import sight_of
from eaves.controller.store.events import Event
from eaves.controller.store.tables import Kind
from eaves.ids import EnterpriseId, ProjectId

ACME = EnterpriseId("acme")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def event(kind: Kind, project: str = "", enterprise: str = "acme") -> Event:
    return Event(
        NOW, enterprise, "X", "line one\nid: 7", object_kind=kind.value, project_id=project, row=9
    )


def rights(area: Area, *projects: str) -> Rights:
    inside = frozenset(ProjectId(one) for one in projects) or None
    return Rights((Grant({area: frozenset({Verb.READ})}, inside),))


@pytest.mark.parametrize(
    ("given", "told", "seen"),
    [
        pytest.param(rights(Area.DEVICE), event(Kind.DEVICE, "a"), True, id="all projects"),
        pytest.param(rights(Area.DEVICE, "a"), event(Kind.DEVICE, "a"), True, id="its project"),
        pytest.param(rights(Area.DEVICE, "a"), event(Kind.DEVICE, "b"), False, id="another"),
        pytest.param(rights(Area.DEVICE, "a"), event(Kind.USER), True, id="of no project"),
        pytest.param(rights(Area.DEVICE), event(Kind.DEVICE, "", "other"), False, id="tenant"),
        pytest.param(
            rights(Area.APP_INSTANCE), event(Kind.APP_INSTANCE, "a"), True, id="by its kind"
        ),
        pytest.param(rights(Area.APP_INSTANCE), event(Kind.DEVICE), False, id="another kind"),
        pytest.param(Rights(), event(Kind.DEVICE), False, id="no rights"),
    ],
)
def test_an_event_is_seen_where_a_list_of_events_tells_it(
    given: Rights, told: Event, *, seen: bool
) -> None:
    assert sight_of(ACME, given).sees(told) is seen


def test_what_an_event_says_cannot_end_its_frame() -> None:
    text = frames.frame(frames.EVENT, frames.shown(event(Kind.DEVICE)), 5).decode()
    first, second, third, *rest = text.split("\n")
    assert (first, second, rest) == ("id: 5", "event: event", ["", ""])
    assert json.loads(third.removeprefix("data: "))["id"] == "9"


def test_streams_of_one_user_are_bounded_and_given_back() -> None:
    places = Places(most=3, of_one_user=2)
    places.take("a", "Ann")
    places.take("a", "Ann")
    with pytest.raises(Problem, match="close a tab") as refused:
        places.take("a", "Ann")
    assert refused.value.status == 429
    places.take("b", "Bob")
    with pytest.raises(Problem, match="EAVES_STREAMS") as refused:
        places.take("c", "Cid")
    assert refused.value.status == 503
    places.leave("a")
    places.take("c", "Cid")
    assert places.taken == 3


async def test_who_waits_goes_on_when_the_process_stops() -> None:
    places = Places(most=1, of_one_user=1)
    ended = places.take("a", "Ann")
    async with asyncio.timeout(10):
        waiting = asyncio.ensure_future(pause(ended, 3600))
        await asyncio.sleep(0)
        places.close()
        await waiting
    places.leave("a")
    with pytest.raises(Problem, match="stops"):
        places.take("a", "Ann")


async def test_streams_that_are_ended_may_come_again() -> None:
    places = Places(most=2, of_one_user=2)
    before = places.take("a", "Ann")
    places.end_all()
    after = places.take("a", "Ann")
    assert (before.is_set(), after.is_set()) == (True, False)
