"""In which order requests take ports, and what became of those that did."""

import asyncio

import pytest
from support.ports import seen, seen_port

from eaves.evapi.flows.steps import Cause, NoConnection, Received, Reply
from eaves.node.refs import Way
from eaves.node.uplinks import ways
from eaves.node.uplinks.bucket import LEAST_RATE, Bucket
from eaves.node.uplinks.judge import Verdict, ends_walk, judge_ping, judge_request
from eaves.node.uplinks.order import in_turn
from eaves.node.uplinks.proxies import ProxyUnusable
from eaves.node.uplinks.seen import SeenPort
from eaves.node.uplinks.ways import NoWay, WayKeeper

URL = "https://controller.test/api"
LOST = NoConnection("no answer within 10 s")


async def no_proxy(_port: SeenPort, _url: str) -> str:
    return ""


def keeper(*ports: SeenPort) -> tuple[WayKeeper, list[str]]:
    """And who was suspected."""
    suspected: list[str] = []
    made = WayKeeper(lambda: 0.0, no_proxy, suspected.append)
    made.update(seen(*ports))
    return made, suspected


def labels(ways: tuple[Way, ...]) -> list[str]:
    return [way.label for way in ways]


async def test_the_cheapest_port_is_first_and_the_machine_itself_last() -> None:
    made, _ = keeper(seen_port("lte", cost=10), seen_port("eth0"), seen_port("eth1", cost=1))
    assert labels(await made.choose(URL)) == ["eth0", "eth1", "lte", ""]


async def test_equal_ports_take_turns() -> None:
    made, _ = keeper(seen_port("a"), seen_port("b"), seen_port("c", cost=5))
    firsts = [labels(await made.choose(URL))[0] for _ in range(4)]
    assert sorted(firsts) == ["a", "a", "b", "b"]
    for _ in range(2):
        assert labels(await made.choose(URL))[2] == "c"


async def test_a_way_is_bound_to_interface_and_address_of_its_port() -> None:
    made, _ = keeper(seen_port("eth0", "10.0.0.5/24"))
    way = (await made.choose(URL))[0]
    assert (way.interface, way.source, way.dns) == ("eth0", "10.0.0.5", ("192.0.2.53",))


async def test_a_port_that_failed_is_left_out_until_it_works_or_its_link_changes() -> None:
    made, suspected = keeper(seen_port("eth0"), seen_port("lte", cost=10))
    way = (await made.choose(URL))[0]
    made.told(way, LOST)
    made.told(way, LOST)
    assert suspected == ["eth0"]
    assert labels(await made.choose(URL)) == ["lte", ""]
    made.judged("eth0", Verdict.WORKS)
    assert labels(await made.choose(URL)) == ["eth0", "lte", ""]
    made.told(way, LOST)
    made.update(seen(seen_port("eth0", "10.0.0.9/24"), seen_port("lte", cost=10)))
    assert labels(await made.choose(URL)) == ["eth0", "lte", ""]


async def test_where_every_port_is_the_node_s_a_request_after_a_start_waits_for_the_first_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, suspected = keeper()
    made.keeps_host = False
    asked = asyncio.create_task(made.choose(URL))
    await asyncio.sleep(0)
    assert not asked.done()
    made.update(seen(seen_port("eth0")))
    assert labels(await asked) == ["eth0"]
    assert not suspected

    monkeypatch.setattr(ways, "FIRST_ADDRESS_S", 0.0)
    cut_off, _ = keeper()
    cut_off.keeps_host = False
    assert await cut_off.choose(URL) == ()
    monkeypatch.setattr(ways, "FIRST_ADDRESS_S", 1000.0)
    assert await cut_off.choose(URL) == ()  # it waited once


async def test_when_all_failed_all_are_tried_the_machine_itself_first() -> None:
    made, _ = keeper(seen_port("eth0"), seen_port("eth1", cost=1))
    for way in await made.choose(URL):
        made.told(way, LOST)
    assert labels(await made.choose(URL)) == ["", "eth0", "eth1"]


@pytest.mark.parametrize(
    "port",
    [
        seen_port("eth0", up=False),
        seen_port("eth0", ""),
        seen_port("eth0", dns=()),
        seen_port("eth0", management=False),
    ],
    ids=["no link", "no address", "no DNS server", "for apps"],
)
async def test_a_port_that_cannot_reach_anything_is_not_tried(port: SeenPort) -> None:
    made, _ = keeper(port)
    assert labels(await made.choose(URL)) == [""]


async def test_a_request_is_told_when_its_link_is_lost() -> None:
    made, _ = keeper(seen_port("eth0"), seen_port("eth1", cost=1))
    first, second, _ = await made.choose(URL)
    gone: list[str] = []
    with (
        made.using(first, lambda: gone.append("first"), idle=True),
        made.using(second, lambda: gone.append("second"), idle=False),
    ):
        made.update(seen(seen_port("eth0", up=False), seen_port("eth1", cost=1)))
        assert gone == ["first"]
    made.update(seen())
    assert gone == ["first"]


async def test_a_port_whose_proxy_cannot_be_used_is_passed_over_and_says_so() -> None:
    async def choose(port: SeenPort, _url: str) -> str:
        if port.plan.label == "eth0":
            raise ProxyUnusable("no PAC file")
        return "http://10.0.0.1:3128"

    made = WayKeeper(lambda: 0.0, choose, lambda _: None)
    made.update(seen(seen_port("eth0"), seen_port("eth1", cost=1)))
    ways = await made.choose(URL)
    assert [(w.label, w.proxy) for w in ways] == [("eth1", "http://10.0.0.1:3128"), ("", "")]
    assert made.proxy_errors == {"eth0": "no PAC file"}
    made.proxy_errors.clear()
    assert [w.label for w in await made.aside("http://where.test")] == ["eth1"]
    assert not made.proxy_errors  # those of the controller
    assert made.addresses() == {a for port in made.seen.ports for a in port.sources}


async def test_a_proxy_with_an_address_needs_no_dns_server() -> None:
    async def choose(_port: SeenPort, _url: str) -> str:
        return "http://10.0.0.1:3128"

    made = WayKeeper(lambda: 0.0, choose, lambda _: None)
    made.update(seen(seen_port("eth0", dns=())))
    assert labels(await made.choose(URL)) == ["eth0", ""]


# Downloads


async def test_downloads_wait_rather_than_take_a_dear_port() -> None:
    made, _ = keeper(seen_port("eth0", up=False), seen_port("lte", cost=10))
    with pytest.raises(NoWay, match=r"port eth0 .* has no link"):
        await made.for_download(URL, 0)
    assert labels(await made.for_download(URL, 10)) == ["lte"]


async def test_a_download_that_no_port_is_cheap_enough_for_names_the_costs() -> None:
    made, _ = keeper(seen_port("lte", cost=10))
    with pytest.raises(NoWay, match=r"cost 0 at most \(lte costs 10\)"):
        await made.for_download(URL, 0)


async def test_a_machine_whose_ports_nobody_described_downloads_as_it_can() -> None:
    made, _ = keeper()
    assert await made.for_download(URL, 0) == (Way(),)


# Verdicts


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (Received(200), Verdict.WORKS),
        (Received(304), Verdict.WORKS),
        (Received(400), Verdict.FAILS),
        (Received(401), Verdict.FAILS),
        (Received(403), Verdict.FAILS),
        (Received(404), Verdict.FAILS),
        (Received(429), Verdict.FAILS),
        (Received(302), Verdict.FAILS),
        (Received(500), Verdict.REMOTE),
        (Received(503), Verdict.REMOTE),
        (NoConnection("", Cause.REFUSED), Verdict.REMOTE),
        (NoConnection("", Cause.TIME_INVALID), Verdict.REMOTE),
        (NoConnection("", Cause.UNKNOWN_CA), Verdict.FAILS),
        (NoConnection("", Cause.OTHER), Verdict.FAILS),
    ],
)
def test_what_a_ping_says_of_a_port(reply: Reply, verdict: Verdict) -> None:
    assert judge_ping(reply) is verdict


def test_a_proxy_that_refuses_is_on_the_way() -> None:
    assert judge_ping(NoConnection("", Cause.REFUSED), proxied=True) is Verdict.FAILS


@pytest.mark.parametrize("status", [200, 304, 400, 401, 403, 404, 409, 429, 500, 502, 503])
def test_no_answer_to_a_request_makes_a_port_fail(status: int) -> None:
    assert judge_request(Received(status)) is not Verdict.FAILS


@pytest.mark.parametrize(
    ("reply", "stop", "ends"),
    [
        (Received(200), False, True),
        (Received(403), False, True),
        (Received(404), False, False),
        (Received(503), False, False),
        (Received(404), True, True),
        (Received(503), True, True),
        (LOST, True, False),
    ],
)
def test_when_a_request_is_not_repeated_elsewhere(reply: Reply, *, stop: bool, ends: bool) -> None:
    assert ends_walk(reply, stop_on_refusal=stop) is ends


# The bucket


def test_a_download_alone_is_never_held() -> None:
    bucket = Bucket()
    assert [bucket.take(10**6, n / 10) for n in range(50)] == [0.0] * 50


def test_a_download_makes_room_while_the_controller_is_talked_to() -> None:
    bucket, now = Bucket(), 0.0
    for _ in range(40):  # 1 MB/s, until it is known
        bucket.take(100_000, now)
        now += 0.1
    assert bucket.rate == pytest.approx(1_000_000, rel=0.1)
    bucket.begin(now)
    begun, taken = now, 0
    while now - begun < 9:
        now += bucket.take(65_536, now) + 0.001
        taken += 65_536
    assert taken / 9 == pytest.approx(250_000, rel=0.2)
    bucket.end(now)
    assert bucket.take(65_536, now + 0.1) > 0  # requests come in bursts
    assert bucket.take(65_536, now + 5) == 0


def test_a_download_on_a_slow_port_never_starves() -> None:
    bucket, now, taken = Bucket(rate=1.0), 0.0, 0
    bucket.begin(now)
    while now < 9:
        now += bucket.take(4096, now) + 0.001
        taken += 4096
    assert LEAST_RATE <= taken / 9 <= 1.2 * LEAST_RATE


def fetched(bucket: Bucket, until: float, link: float = 1_000_000, piece: int = 65_536) -> int:
    """How much a link of so many bytes/s brings in the first seconds."""
    now, taken = 0.0, 0
    while now < until:
        now += piece / link
        taken += piece
        now += bucket.take(piece, now)
    return taken


def test_the_time_between_two_downloads_makes_no_slow_link() -> None:
    bucket = Bucket()
    fetched(bucket, 5)
    known = bucket.rate
    assert known == pytest.approx(1_000_000, rel=0.1)
    assert bucket.take(65_536, 3600.0) == 0
    assert bucket.rate == known


def test_a_slow_link_is_measured_though_pieces_are_large() -> None:
    bucket = Bucket()
    fetched(bucket, 90, link=20_000, piece=256 * 1024)
    assert bucket.rate == pytest.approx(20_000, rel=0.1)


def test_what_waited_in_the_kernel_makes_no_fast_link() -> None:
    bucket, now = Bucket(), 0.0
    for _ in range(60):  # as a busy reader sees it: nothing for a while, then all at once
        now += 4.5
        bucket.take(65_536, now)
        for _ in range(3):
            now += 0.001
            bucket.take(65_536, now)
    assert bucket.rate == 0


def test_a_rate_is_measured_in_the_gaps_of_a_talk() -> None:
    bucket, now = Bucket(), 0.0
    for _ in range(10):
        bucket.begin(now)
        for _ in range(4):
            now += bucket.take(65_536, now)
        bucket.end(now)
        now += 0.6
        for _ in range(15):  # a second without a request
            now += 0.065_536
            assert bucket.take(65_536, now) == 0
    assert bucket.rate == pytest.approx(1_000_000, rel=0.1)


def test_a_talk_without_end_leaves_a_download_its_turns() -> None:
    held, in_turns = Bucket(), Bucket()
    held.begin(0.0)
    in_turns.begin(0.0)
    assert fetched(held, 9) < 9 * 100_000  # a quarter of FIRST_RATE: nothing is known yet
    assert fetched(in_turns, 40) > 40 * 500_000


def test_the_order_is_that_of_cost_for_any_turn() -> None:
    ports = [seen_port(f"p{n}", cost=n // 2) for n in range(6)]
    for turn in range(7):
        costs = [p.plan.cost for p in in_turn(ports, frozenset(), turn)]
        assert costs == sorted(costs)
