"""A request walks the ways that it is given, until an answer ends it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiohttp import web

from eaves.evapi.flows.steps import Cause, NoConnection, Received, Reply, Send
from eaves.evapi.paths import Endpoint
from eaves.node.comms.transport import Limits, Transport
from eaves.node.refs import Way
from eaves.node.uplinks.judge import ends_walk

INFO = Send(Endpoint.INFO, "POST", "/info", b"x")
DEAD = Way("dead", "lo", "127.0.0.5", proxy="http://127.0.0.1:9")
ONE, TWO = Way("one", "lo", "127.0.0.3"), Way("two", "lo", "127.0.0.4")


@dataclass
class Server:
    port: int = 0
    status: int = 200
    holds: bool = False
    asked_from: list[str] = field(default_factory=list[str])

    async def answer(self, request: web.Request) -> web.Response:
        self.asked_from.append(request.remote or "")
        if self.holds and len(self.asked_from) == 1:
            await asyncio.sleep(30)
        return web.Response(status=self.status)


@dataclass
class Given:
    """Ways in a fixed order; remembers what it was told."""

    ways: tuple[Way, ...]
    heard: list[tuple[str, Reply]] = field(default_factory=list[tuple[str, Reply]])
    gone: dict[str, Callable[[], None]] = field(default_factory=dict[str, Callable[[], None]])

    async def choose(self, url: str) -> tuple[Way, ...]:
        return self.ways

    def why_none(self) -> str:
        return "port eth0 has no link"

    def ends(self, reply: Reply, *, stop_on_refusal: bool) -> bool:
        return ends_walk(reply, stop_on_refusal=stop_on_refusal)

    def told(self, way: Way, reply: Reply) -> None:
        self.heard.append((way.label, reply))

    @contextmanager
    def using(self, way: Way, gone: Callable[[], None], *, idle: bool) -> Generator[None]:
        self.gone[way.label] = gone
        yield

    def own(self, address: str) -> bool:
        return False


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = int(runner.addresses[0][1])
    yield made
    await runner.cleanup()


async def transport(server: Server, ways: Given) -> Transport:
    return Transport(
        f"http://127.0.0.1:{server.port}", b"", lambda: datetime.now(UTC), Limits(30, 60), ways
    )


async def ask(server: Server, *ways: Way, send: Send = INFO) -> tuple[Reply, Given, Transport]:
    given = Given(ways)
    made = await transport(server, given)
    try:
        return await made.perform(send), given, made
    finally:
        await made.close()


async def test_a_way_that_does_not_connect_gives_way_to_the_next(server: Server) -> None:
    reply, given, made = await ask(server, DEAD, ONE)
    assert reply == Received(200)
    assert [label for label, _ in given.heard] == ["dead", "one"]
    assert server.asked_from == ["127.0.0.3"]
    assert made.counts.success == 1
    assert made.counts.failures == 0


async def test_the_kernel_sends_from_the_address_of_the_way(server: Server) -> None:
    await ask(server, TWO)
    assert server.asked_from == ["127.0.0.4"]


@pytest.mark.parametrize(("status", "times"), [(200, 1), (403, 1), (404, 2), (503, 2)])
async def test_which_answers_are_asked_for_again_elsewhere(
    server: Server, status: int, times: int
) -> None:
    server.status = status
    reply, _, _ = await ask(server, ONE, TWO)
    assert isinstance(reply, Received)
    assert reply.status == status
    assert len(server.asked_from) == times


async def test_who_asks_to_stop_at_a_refusal_is_heard(server: Server) -> None:
    server.status = 404
    stop = Send(Endpoint.INFO, "POST", "/info", b"x", stop_on_refusal=True)
    await ask(server, ONE, TWO, send=stop)
    assert len(server.asked_from) == 1


async def test_an_answer_is_not_asked_for_again_as_the_machine_chooses(server: Server) -> None:
    server.status = 503
    await ask(server, ONE, Way())
    assert server.asked_from == ["127.0.0.3"]


async def test_an_answer_counts_more_than_a_failure_after_it(server: Server) -> None:
    server.status = 503
    reply, _, _ = await ask(server, ONE, DEAD)
    assert isinstance(reply, Received)


async def test_when_all_fail_each_says_why(server: Server) -> None:
    refused = Way("two", "lo", "127.0.0.4", proxy="http://127.0.0.1:9")
    reply, _, made = await ask(server, DEAD, refused)
    assert isinstance(reply, NoConnection)
    assert "dead: proxy 127.0.0.1:9" in reply.reason
    assert "two: proxy 127.0.0.1:9" in reply.reason
    assert made.counts.failures == 1


async def test_a_refusal_of_a_proxy_is_not_one_of_the_controller(server: Server) -> None:
    reply, _, _ = await ask(server, DEAD)
    assert isinstance(reply, NoConnection)
    assert reply.cause is Cause.OTHER


async def test_without_a_way_nothing_is_sent_and_the_reason_is_told(server: Server) -> None:
    reply, _, _ = await ask(server)
    assert reply == NoConnection("port eth0 has no link")
    assert server.asked_from == []


async def test_a_request_whose_link_is_lost_goes_on_over_the_next(server: Server) -> None:
    server.holds = True
    given = Given((ONE, TWO))
    made = await transport(server, given)
    try:
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(made.perform(INFO), name="ask")
            async with asyncio.timeout(30):
                while not server.asked_from:  # noqa: ASYNC110 - bounded by the timeout
                    await asyncio.sleep(0.01)
            given.gone["one"]()
        assert asked.result() == Received(200)
        assert server.asked_from == ["127.0.0.3", "127.0.0.4"]
        lost = given.heard[0][1]
        assert isinstance(lost, NoConnection)
        assert "lost its link" in lost.reason
    finally:
        await made.close()
