"""What waits for the loop that decides about ports: a wish is not lost in a burst of changes."""

from support.ports import at, entry

from eaves.node.uplinks.inbox import MOST_WAITING, Inbox, News
from eaves.node.uplinks.verify import Changed, Checked, Fails, Suspended, Tick


async def taken(inbox: Inbox) -> list[News]:
    found: list[News] = []
    while not inbox.empty:
        found.append(await inbox.take(None, at(0)))
    return found


async def test_a_burst_of_changes_takes_no_wish_away() -> None:
    inbox, wish = Inbox(), entry("eth0")
    inbox.post(wish)
    inbox.post(Suspended(on=False))
    for _ in range(2 * MOST_WAITING):
        inbox.post(Changed())
        inbox.post(Tick())
    assert await taken(inbox) == [wish, Suspended(on=False), Changed(), Tick()]


async def test_of_too_many_results_the_oldest_goes_and_no_wish() -> None:
    inbox, wish = Inbox(), entry("eth0")
    inbox.post(wish)
    for number in range(MOST_WAITING):
        inbox.post(Checked(number, Fails("nothing answers")))
    found = await taken(inbox)
    assert found[0] is wish
    assert len(found) == MOST_WAITING
    assert found[1] == Checked(1, Fails("nothing answers"))


async def test_time_brings_a_tick_where_nothing_waits() -> None:
    inbox = Inbox()
    assert await inbox.take(at(0), at(0)) == Tick()
    inbox.post(Changed())
    assert await inbox.take(at(0), at(0)) == Changed()
    assert inbox.empty
