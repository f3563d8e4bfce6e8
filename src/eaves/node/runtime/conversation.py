"""Talking with the controller, for ever: onboard, fetch, attest, wait for changes.

Nothing here starts or stops an app: a config is handed to `NewConfig`, and what the controller's
silence means is left to whoever runs the apps.  Source: EVE API v2, sections 3.3, 6 and 7.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from eaves.errors import EavesError
from eaves.evapi.config import EdgeDevConfig, decode_edge_dev_config
from eaves.evapi.config_items import ItemValues
from eaves.evapi.flows.attest import Quoter
from eaves.evapi.flows.onboard import Applicant
from eaves.evapi.flows.poll import (
    AttestFirst,
    DeviceUnknown,
    NewConfig,
    NothingNew,
    NotServed,
    PollAnswer,
    PollNow,
    Unchanged,
    Unreachable,
    is_obsolete,
)
from eaves.evapi.flows.trust import Failed, Trust
from eaves.ids import DeviceId
from eaves.node.baseos.trial import Answer
from eaves.node.checkpoint import Checkpoint, StateNotWritable
from eaves.node.comms.link import Link
from eaves.node.runtime.attesting import Attesting, Escrow
from eaves.node.runtime.guard import forever
from eaves.node.runtime.paces import certs_pause_s, poll_pause_s
from eaves.node.runtime.saved import open_saved_config, open_saved_trust

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0  # of the long poll when it is not served
LOOK_UP_AGAIN_S = 600.0  # at most every ten minutes
ONBOARD_PATIENCE_S = 5.0  # then a node that knows its UUID goes on with it
CERTS, CERTS_ACCEPTED = "controller-certs", "controller_certs_accepted"
UUID, CONFIG = "uuid", "config"


@dataclass(slots=True)
class Heard:
    """What the controller said last; read by status and reports."""

    config: EdgeDevConfig | None = None
    config_hash: str = ""
    received: datetime | None = None
    processed: datetime | None = None
    from_controller: bool = False  # since this process started
    unreachable: str = ""
    uuid_asked_at: float = field(default=float("-inf"))


def not_applied(what: str, error: Exception) -> str:
    """The sentence for the status; an error of ours already says what to do."""
    if isinstance(error, EavesError):
        return f"{what} is not applied: {error}"
    return (
        f"{what} is not applied: internal error {error!r:.300}; change it in the controller"
        " or report this with the node's log, what runs goes on"
    )


def answer_of(answer: PollAnswer) -> Answer:
    """What an answer says of the controller: that it serves, that it is there, or nothing."""
    match answer:
        case Unchanged() | NewConfig():
            return Answer.WELL
        case AttestFirst() | DeviceUnknown():
            return Answer.PUT_OFF
        case Unreachable(temporary=temporary):
            return Answer.PUT_OFF if temporary else Answer.NONE


class Console(Protocol):
    """A local operator console, for when the controller cannot be reached."""

    async def ask(self, url: str, config_hash: str) -> NewConfig | None: ...


class Conversation:
    def __init__(
        self,
        link: Link,
        checkpoint: Checkpoint,
        quoter: Quoter,
        items: Callable[[], ItemValues],
        deliver: Callable[[EdgeDevConfig], Awaitable[None]],
        reachable: Callable[[], None],
        escrow: Escrow,
        answered: Callable[[Answer], None] = lambda _: None,
        poll_within_s: Callable[[], float] = lambda: float("inf"),
    ) -> None:
        self.link = link
        self.heard = Heard()
        self._checkpoint = checkpoint
        self._items = items
        self._deliver = deliver
        self._reachable = reachable
        self._answered = answered  # told of each poll: a base OS on trial counts them
        self._poll_within_s = poll_within_s  # and cannot wait for as long as a property may say
        self.believed: tuple[Trust, ...] = ()  # of old: opens what the saved config encloses
        self._kept_certs = b""  # as saved last
        self.console: Console | None = None
        self.ready = asyncio.Event()  # a UUID is known and a controller is believed
        self._poll_now = asyncio.Event()
        self._polled = asyncio.Event()
        self.attesting = Attesting(link, quoter, self._ask_for_uuid, self._poll_now.set, escrow)

    def read_again(self) -> None:
        """Ask for the configuration as if none were in force, and follow it anew."""
        self.heard.config_hash = ""
        self._poll_now.set()

    def load_checkpoint(self) -> EdgeDevConfig | None:
        """Trust, UUID and the last good config from disk, whatever the controller does."""
        uuid = self._checkpoint.fact(UUID)
        if uuid:
            self.link.device_id = DeviceId(uuid)
        accepted = self._checkpoint.fact(CERTS_ACCEPTED)
        saved = open_saved_trust(
            self._checkpoint.documents(CERTS),
            self.link.roots_pem,
            self.link.now(),
            datetime.fromisoformat(accepted) if accepted else None,
        )
        self.link.trust, self.believed = saved.usable_now, saved.for_saved
        self._kept_certs = saved.usable_now.listed if saved.usable_now else b""
        if saved.clock_problem:
            log.error("clock_wrong", why=saved.clock_problem, now=str(self.link.now()))
        found = open_saved_config(self._checkpoint.documents(CONFIG), saved.for_saved)
        for problem in found.problems:
            log.error("saved_config_unusable", why=problem)
        self.heard.config = found.config
        if found.config is not None and found.config.config_timestamp is not None:
            self.link.not_before(found.config.config_timestamp)
        return found.config

    async def run_forever(self, applicant: Applicant, saved_in_force: asyncio.Event) -> None:
        """Who it is, it says at once; what to do, it asks when what it was told before is done."""
        await self._onboard(applicant)
        await saved_in_force.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forever("poll", self._poll_forever))
            tasks.create_task(forever("attest", self.attesting.run_forever))
            tasks.create_task(forever("await changes", self._await_changes_forever))
            tasks.create_task(forever("certs", self._refresh_certs_forever))

    async def _onboard(self, applicant: Applicant) -> None:
        """Succeed, or go on with what is known when the network is not there."""
        known = self.link.device_id is not None and self.link.trust is not None
        try:
            async with asyncio.timeout(ONBOARD_PATIENCE_S if known else None):
                await self.link.onboard(applicant)
        except TimeoutError:
            log.warning("going_on_with_known_uuid", why=self.link.standing.waiting_for)
        self._remember()
        log.info("onboarded", device_id=self.link.device_id)
        self.link.standing.phase = "onboarded"
        self.ready.set()

    def _remember(self) -> None:
        """Keep what is new.  Certificates are dated when they were verified, never again later.

        A clock that goes wrong afterwards must not make a saved configuration unbelievable.
        """
        uuid, trust = self.link.device_id, self.link.trust
        try:
            if uuid is not None and uuid != self._checkpoint.fact(UUID):
                self._checkpoint.remember(**{UUID: uuid})
            if trust is not None and trust.listed != self._kept_certs:
                self._checkpoint.save(CERTS, trust.listed)
                self._checkpoint.remember(**{CERTS_ACCEPTED: self.link.now().isoformat()})
                self._kept_certs = trust.listed
        except StateNotWritable as error:
            # The controller tells both again; talking to it needs no disk.
            log.warning("not_remembered", error=str(error))

    async def _poll_forever(self) -> None:
        while True:
            self._poll_now.clear()
            await self._poll()
            self._polled.set()
            told = bool(self.heard.config_hash)
            pause = poll_pause_s(self._items(), self.link.jitter(1.0), told=told)
            pause = min(pause, self._poll_within_s())
            try:
                async with asyncio.timeout(pause):
                    await self._poll_now.wait()
            except TimeoutError:
                continue

    async def _poll(self) -> None:
        polled = await self.link.poll(self.heard.config_hash)
        self._remember()  # the signer of what comes now may be a new one
        self._answered(answer_of(polled.answer))
        match polled.answer:
            case Unchanged():
                self._well()
            case NewConfig() as new:
                self._well()
                await self._take(new)
            case AttestFirst(reason):
                self.heard.unreachable = reason
                self.attesting.again()
            case DeviceUnknown(reason):
                self.heard.unreachable = reason
                await self._ask_for_uuid()
            case Unreachable(reason):
                self.heard.unreachable = reason
                log.warning("controller_unreachable", why=reason)
                await self._ask_console()

    async def _ask_console(self) -> None:
        """What it hands out is of the controller, and taken as if it came from there."""
        config = self.heard.config
        url = config.loc_config.loc_url if config and config.loc_config else ""
        if not url or self.console is None:
            return
        new = await self.console.ask(url, self.heard.config_hash)
        if new is not None and new.config_hash != self.heard.config_hash:
            await self._take(new)

    def _well(self) -> None:
        back = bool(self.heard.unreachable) or not self.heard.from_controller
        self.heard.unreachable = ""
        self.heard.from_controller = True
        self.link.standing.phase = "online"
        if back:
            self._reachable()

    async def _take(self, new: NewConfig) -> None:
        """Check, keep as received (the next boot's config), deliver."""
        try:
            config = decode_edge_dev_config(new.config)
        except EavesError as error:
            self.heard.unreachable = str(error)
            log.warning("config_unreadable", error=str(error))
            return
        for_uuid = (config.id.uuid if config.id else "").lower()
        if for_uuid != self.link.device_id:
            self.heard.unreachable = (
                f"the controller sent a config for {for_uuid or 'no UUID'}, this is"
                f" {self.link.device_id}; it is not applied"
            )
            log.error("config_for_another_device", uuid=for_uuid)
            return
        held = self.heard.config
        if is_obsolete(config.config_timestamp, held.config_timestamp if held else None):
            self.heard.unreachable = (
                f"the controller offers a configuration of {config.config_timestamp}, older than"
                " the one in force; it is not applied (`eaves controller restored` after a restore)"
            )
            log.warning("config_obsolete", offered=str(config.config_timestamp))
            return
        try:
            await self._follow(config, new)
        except Exception as error:
            # Not applied, or only in part: asked for again.  What runs goes on, and so does
            # polling: the controller's next configuration may be a better one.
            self.heard.unreachable = not_applied("the configuration", error)
            log.exception("config_not_applied")

    async def _follow(self, config: EdgeDevConfig, new: NewConfig) -> None:
        held = self.heard.config
        self._checkpoint.save(CONFIG, new.container)
        self.heard.received = self.link.now()
        stale_certs = held is None or (
            held.controllercert_confighash != config.controllercert_confighash
        )
        self.heard.config = config
        if config.config_timestamp is not None:
            self.link.not_before(config.config_timestamp)
        if stale_certs and config.controllercert_confighash:
            await self._refresh_certs()
        await self._deliver(config)
        self.heard.config_hash = new.config_hash
        self.heard.processed = config.config_timestamp or self.link.now()

    async def _ask_for_uuid(self) -> None:
        """The device may live on under another UUID; the config in force stays meanwhile."""
        now = asyncio.get_running_loop().time()
        if now - self.heard.uuid_asked_at < LOOK_UP_AGAIN_S:
            return
        self.heard.uuid_asked_at = now
        found = await self.link.look_up_uuid()
        if found.device_id is not None and found.device_id != self.link.device_id:
            log.warning("uuid_changed", old=self.link.device_id, new=found.device_id)
            self.link.device_id = found.device_id
            self.heard.config_hash = ""
            self._remember()
            self.attesting.again()
            self._reachable()

    async def _await_changes_forever(self) -> None:
        """The fast lane of Eaves controllers; another controller says 404 and is asked seldom."""
        pause, served = FIRST_PAUSE_S, True
        while True:
            if not self.heard.config_hash:
                await asyncio.sleep(0.5)
                continue
            if served and self.heard.unreachable:
                # A poll tells when all is well again; its timer may be an hour.
                self._polled.clear()
                self._poll_now.set()
                await self._polled.wait()
                if self.heard.unreachable:
                    await asyncio.sleep(self.link.jitter(pause))
                    pause = min(LONGEST_PAUSE_S, 2 * pause)
                    continue
            pause = FIRST_PAUSE_S
            match await self.link.await_change(self.heard.config_hash):
                case PollNow():
                    served, before = True, self.heard.config_hash
                    self._poll_now.set()
                    await self._other_hash_than(before)
                case AttestFirst():
                    before, served = self.heard.config_hash, await self._refused_too()
                    if served:
                        await self._other_hash_than(before)  # it polls once it has attested
                    else:
                        await asyncio.sleep(self.link.jitter(LONGEST_PAUSE_S))
                case NothingNew():
                    served = True
                case NotServed(reason=reason, temporary=temporary):
                    served = temporary
                    if temporary and not self.heard.unreachable:
                        log.info("change_not_awaited", why=reason)
                    await asyncio.sleep(
                        self.link.jitter(FIRST_PAUSE_S if temporary else LONGEST_PAUSE_S)
                    )

    async def _refused_too(self) -> bool:
        """Poll: does that not bring a configuration either?  Then it begins to attest.

        A controller that does not know the long poll may forbid it, and would be shown a new quote
        every few seconds.
        """
        self._polled.clear()
        self._poll_now.set()
        await self._polled.wait()
        return bool(self.heard.unreachable)

    async def _other_hash_than(self, before: str) -> None:
        """Give the poll a moment, so that one change is not asked for twice."""
        self._polled.clear()
        try:
            async with asyncio.timeout(5.0):
                while self.heard.config_hash == before:
                    await self._polled.wait()
                    self._polled.clear()
        except TimeoutError:
            return

    async def _refresh_certs_forever(self) -> None:
        while True:
            await asyncio.sleep(certs_pause_s(self._items(), self.link.jitter(1.0)))
            await self._refresh_certs()

    async def _refresh_certs(self) -> None:
        fetched = await self.link.refresh_certs()
        if isinstance(fetched, Failed):
            log.warning("certs_not_refreshed", why=fetched.reason)
        self._remember()
