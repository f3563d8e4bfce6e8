"""What a configuration can do to the conversation that brought it: nothing."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from support.no_vault import no_vault

from eaves.errors import Rejected
from eaves.evapi.certs import ControllerCerts
from eaves.evapi.config import EdgeDevConfig, UUIDandVersion, encode_edge_dev_config
from eaves.evapi.config_items import ItemValues
from eaves.evapi.device_certs import Chance
from eaves.evapi.flows.attest import versions_only
from eaves.evapi.flows.onboard import Applicant
from eaves.evapi.flows.poll import NewConfig
from eaves.evapi.flows.steps import Send
from eaves.evapi.flows.trust import Trust
from eaves.evapi.scep_proxy import SCEPProxyRequest
from eaves.ids import DeviceId
from eaves.node.checkpoint import Checkpoint
from eaves.node.comms.identity import load_identity
from eaves.node.comms.link import Link
from eaves.node.comms.transport import Limits, Transport, Try
from eaves.node.runtime.conversation import Conversation

ME = DeviceId("5f0f4f6e-5d0b-4b92-a3b9-0f6d0ad2b6f1")


def now() -> datetime:
    return datetime.now(UTC)


class Machine:
    """Follows a config, or fails as told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.followed: list[EdgeDevConfig] = []

    async def follow(self, config: EdgeDevConfig) -> None:
        if self.error is not None:
            raise self.error
        self.followed.append(config)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
async def conversation(tmp_path: Path, machine: Machine) -> AsyncIterator[Conversation]:
    identity = load_identity(tmp_path / "identity", lambda: Chance(now(), secrets.token_bytes))
    roots = identity.device_cert_pem
    transport = Transport("127.0.0.1:9", roots, now, Limits())
    link = Link(transport, identity, roots, now)
    link.device_id = ME
    checkpoint = Checkpoint(tmp_path / "state")
    yield Conversation(
        link,
        checkpoint,
        versions_only("1"),
        ItemValues.before_any_config,
        machine.follow,
        lambda: None,
        no_vault(tmp_path, identity),
    )
    await transport.close()
    checkpoint.close()


def offer(number: int) -> NewConfig:
    config = EdgeDevConfig(id=UUIDandVersion(uuid=ME, version=str(number)))
    return NewConfig(encode_edge_dev_config(config), f"hash-{number}", b"envelope")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("Exceeds the limit (4300 digits)"), "Exceeds the limit"),
        (Rejected("two items are named alike; rename one"), "named alike; rename one"),
        (ExceptionGroup("of tasks", [OSError("no such device")]), "no such device"),
    ],
    ids=["unforeseen", "ours", "of a task group"],
)
async def test_a_config_that_cannot_be_applied_is_told_and_the_next_one_is_taken(
    conversation: Conversation, machine: Machine, error: Exception, told: str
) -> None:
    machine.error = error
    await conversation._take(offer(1))
    assert told in conversation.heard.unreachable
    assert conversation.heard.config_hash != "hash-1"  # so it is asked for again
    machine.error = None
    await conversation._take(offer(2))
    assert [c.id.version for c in machine.followed if c.id] == ["2"]
    assert conversation.heard.config_hash == "hash-2"


async def test_an_older_config_is_not_applied_and_is_told(
    conversation: Conversation, machine: Machine
) -> None:
    """EVE API v2, section 7: `config_timestamp` only moves forward."""

    def dated(year: int) -> NewConfig:
        config = EdgeDevConfig(
            id=UUIDandVersion(uuid=ME), config_timestamp=datetime(year, 1, 1, tzinfo=UTC)
        )
        return NewConfig(encode_edge_dev_config(config), f"hash-{year}", b"envelope")

    await conversation._take(dated(2026))
    await conversation._take(dated(2025))
    assert len(machine.followed) == 1
    assert "older than the one in force" in conversation.heard.unreachable
    await conversation._take(dated(2027))
    assert len(machine.followed) == 2


async def test_certificates_are_asked_for_when_the_configuration_names_others(
    conversation: Conversation,
) -> None:
    """EVE API v2, section 8.21: `controllercert_confighash` moves with the certificates."""
    asked: list[int] = []
    for number, certs in enumerate(("one", "one", "two")):
        config = EdgeDevConfig(id=UUIDandVersion(uuid=ME), controllercert_confighash=certs)
        await conversation._take(NewConfig(encode_edge_dev_config(config), f"h{number}", b"e"))
        asked.append(conversation.link.transport.counts.failures)  # there is no controller
    assert asked == [1, 1, 2]


async def test_nothing_new_is_asked_for_while_what_was_saved_is_taken_up(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    polled = asyncio.Event()

    async def onboard(_link: Link, applicant: Applicant) -> None:
        asked.append(applicant.serial)

    async def poll(_link: Link, _config_hash: str) -> None:
        asked.append("poll")
        polled.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Link, "onboard", onboard)
    monkeypatch.setattr(Link, "poll", poll)
    in_force = asyncio.Event()
    applicant = Applicant(conversation.link.identity.sender, b"", None, "this one")
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        talking = tasks.create_task(conversation.run_forever(applicant, in_force))
        await conversation.ready.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert asked == ["this one"]
        in_force.set()
        await polled.wait()
        talking.cancel()
    assert asked == ["this one", "poll"]


async def test_a_config_for_another_uuid_is_not_applied_and_is_told(
    conversation: Conversation, machine: Machine
) -> None:
    """EVE API v2, section 7: `id.uuid` is that of the device."""
    other = EdgeDevConfig(id=UUIDandVersion(uuid="6f0f4f6e-5d0b-4b92-a3b9-0f6d0ad2b6f1"))
    await conversation._take(NewConfig(encode_edge_dev_config(other), "hash", b"envelope"))
    assert machine.followed == []
    assert "is not applied" in conversation.heard.unreachable


async def test_what_is_passed_on_leaves_trust_alone_that_was_renewed_meanwhile(
    conversation: Conversation,
) -> None:
    link, own = conversation.link, ec.generate_private_key(ec.SECP256R1()).public_key()
    certs = ControllerCerts(b"c" * 32, own, now(), (), frozenset({b"c" * 32}))
    link.trust, renewed = Trust(b"", certs, b"before"), Trust(b"", certs, b"renewed")

    def renew(_send: Send, _tries: Sequence[Try]) -> None:
        link.trust = renewed

    link.transport.failed = renew  # there is no controller
    passed = await link.pass_on(SCEPProxyRequest(scep_profile_name="office"))
    assert passed.problem
    assert link.trust is renewed


@dataclass
class Other:
    """A controller that forbids what it does not know; polls are answered so, one by one."""

    polls: list[int]
    asked: Counter[str] = field(default_factory=Counter[str])
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, request: web.Request) -> web.Response:
        word = request.path.rpartition("/")[2]
        self.asked[word] += 1
        status = 403
        if word == "config":
            status = self.polls.pop(0) if self.polls else 304
        if self.asked["wait"] and not self.polls:
            self.done.set()
        return web.Response(status=status)


@pytest.mark.parametrize(
    ("polls", "attests"), [([304, 304], False), ([304, 403], True)], ids=["served", "refused"]
)
async def test_a_long_poll_that_is_forbidden_is_no_word_to_attest_unless_polls_are_too(
    conversation: Conversation, polls: list[int], *, attests: bool
) -> None:
    other, link = Other(polls), conversation.link
    own = ec.generate_private_key(ec.SECP256R1()).public_key()
    certs = ControllerCerts(b"c" * 32, own, now(), (), frozenset({b"c" * 32}))
    link.trust, conversation.heard.config_hash = Trust(b"", certs, b"listed"), "in force"
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", other.serve)
    async with TestServer(app, host="127.0.0.1") as server:
        link.transport = Transport(str(server.make_url("")), b"", now, Limits())
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            polling = tasks.create_task(conversation._poll_forever())
            waiting = tasks.create_task(conversation._await_changes_forever())
            await other.done.wait()
            if attests:
                await conversation.attesting._now.wait()
            polling.cancel()
            waiting.cancel()
        await link.transport.close()
    assert conversation.attesting._now.is_set() is attests
    assert other.asked["wait"] == 1
