"""Somebody between a node and its controller: sees every answer and may give another one."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from support.no_vault import no_vault
from wire.peer import NOW, Controller, Issued, issue, serve

from eaves.evapi.config import EdgeDevConfig, UUIDandVersion, encode_edge_dev_config
from eaves.evapi.config_items import ItemValues
from eaves.evapi.device_certs import Chance
from eaves.evapi.envelope import controller_sender, onboarding_sender, parse_envelope, seal
from eaves.evapi.flows.attest import versions_only
from eaves.evapi.flows.onboard import Applicant
from eaves.evapi.flows.steps import Received, Reply
from eaves.evapi.keys import KeySigner
from eaves.evapi.paths import PROTOBUF, Endpoint, parse_path
from eaves.node.checkpoint import Checkpoint
from eaves.node.comms.identity import load_identity
from eaves.node.comms.link import Link
from eaves.node.comms.transport import Limits, Transport
from eaves.node.runtime.conversation import Conversation

Meddle = Callable[[Endpoint, Reply], Reply]


@dataclass
class MiddleBox(Controller):
    """The controller, and whoever `meddle`s with what it answers; both keep what was said."""

    meddle: Meddle | None = None
    answered: dict[Endpoint, list[Reply]] = field(default_factory=dict[Endpoint, list[Reply]])

    def answer(self, path: str, body: bytes) -> Reply:
        reply = super().answer(path, body)
        route = parse_path(path)
        if route is None:
            return reply
        self.answered.setdefault(route.endpoint, []).append(reply)
        return reply if self.meddle is None else self.meddle(route.endpoint, reply)

    def offer(self, version: str, dated: datetime = NOW) -> None:
        """The next configuration, with that time stamp."""
        config = EdgeDevConfig(
            id=UUIDandVersion(uuid=self.device_id, version=version), config_timestamp=dated
        )
        self.config, self.config_hash = encode_edge_dev_config(config), f"hash-{version}"

    def said_last(self, endpoint: Endpoint) -> Received:
        reply = self.answered[endpoint][-1]
        assert isinstance(reply, Received)
        return reply


def sealed_by(signer: Issued, payload: bytes, named: bytes = b"") -> Received:
    """An answer signed by `signer`, in the name of the certificate `named` if one is given."""
    sender = controller_sender(KeySigner(signer.key), named or signer.pem)
    return Received(200, PROTOBUF, seal(payload, sender))


def payload_of(reply: Reply) -> bytes:
    assert isinstance(reply, Received)
    return parse_envelope(reply.body).payload


@dataclass
class Talker:
    """The part of a node that talks with its controller; what it would carry out is written down.

    `time` is what its clock shows.
    """

    box: MiddleBox
    state: Path
    server: str
    tls_roots: bytes
    time: datetime = NOW
    followed: list[str] = field(default_factory=list[str])  # versions
    conversation: Conversation = field(init=False)
    _checkpoint: Checkpoint = field(init=False)

    def __post_init__(self) -> None:
        identity = load_identity(self.state / "identity", lambda: Chance(NOW, os.urandom))
        transport = Transport(f"https://{self.server}", self.tls_roots, self.now, Limits())
        link = Link(transport, identity, self.box.root.pem, self.now)
        self._checkpoint = Checkpoint(self.state / "checkpoint")
        self.conversation = Conversation(
            link,
            self._checkpoint,
            versions_only("1"),
            ItemValues.before_any_config,
            self._follow,
            lambda: None,
            no_vault(self.state, identity),
        )

    def now(self) -> datetime:
        return self.time

    async def _follow(self, config: EdgeDevConfig) -> None:
        assert config.id is not None
        self.followed.append(config.id.version)

    @property
    def link(self) -> Link:
        return self.conversation.link

    async def onboard(self) -> None:
        identity = self.link.identity
        onboard = self.box.onboard
        applicant = Applicant(
            device=identity.sender,
            device_cert_pem=identity.device_cert_pem,
            onboarding=onboarding_sender(KeySigner(onboard.key), onboard.pem),
            serial="SN-1",
        )
        async with asyncio.timeout(30):
            await self.conversation._onboard(applicant)

    async def poll(self) -> str:
        """One poll; what the node says is wrong with it, empty when nothing is."""
        async with asyncio.timeout(30):
            await self.conversation._poll()
        return self.conversation.heard.unreachable

    def saved(self) -> str:
        """The version of the configuration that the next boot starts with."""
        held = self.conversation.load_checkpoint()
        return held.id.version if held is not None and held.id is not None else ""

    async def close(self) -> None:
        await self.link.transport.close()
        self._checkpoint.close()

    async def reboot(self) -> None:
        """A process that knows nothing but what is on disk."""
        await self.close()
        self.__post_init__()
        self.conversation.load_checkpoint()


@asynccontextmanager
async def between(
    folder: Path, *, server: Issued | None = None, tls_roots: bytes = b""
) -> AsyncGenerator[Talker]:
    """A node that follows version 1, and a middle box that meddles with nothing yet.

    `server`: the certificate that is shown, else one of the controller; `tls_roots`: what the node
    trusts for TLS besides the controller's root.
    """
    box = MiddleBox()
    box.offer("1")
    (folder / "tls").mkdir()
    shown = server or issue("controller", box.root)
    async with serve(box, shown, folder / "tls") as address:
        talker = Talker(box, folder / "node", address, box.root.pem + tls_roots)
        try:
            await talker.onboard()
            assert await talker.poll() == ""
            assert talker.followed == ["1"]
            yield talker
        finally:
            await talker.close()
