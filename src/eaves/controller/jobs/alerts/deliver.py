"""The job that sends what waits: channel by channel, a few at a time, none for long.

A channel that is away puts off all that waits for it; what is given up is told as an event.  A
receiver chosen by a tenant can hold up its own channel, and no other for more than a moment.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.admission.alerts import MAIL_PASSWORD, WEBHOOK_SECRET
from eaves.controller.domain.alerts.delivery import (
    GIVE_UP_AFTER,
    Away,
    Delivered,
    Later,
    Never,
    Outcome,
    pause_after,
)
from eaves.controller.domain.alerts.messages import Message, What, of_several
from eaves.controller.domain.contract.alerts import (
    AlertChannel,
    MailChannel,
    MailSecurity,
    MailServerConfig,
)
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.stored import read_stored
from eaves.controller.domain.secrets import SecretName
from eaves.controller.jobs.alerts import mail, webhook
from eaves.controller.jobs.leased import Held
from eaves.controller.keys import KeyStore
from eaves.controller.notify_settings import PLAIN, STARTTLS, TLS, MailServer, NotifySettings
from eaves.controller.store import notifications, sealed
from eaves.controller.store.alerts import DISABLED
from eaves.controller.store.events import Event, insert_event
from eaves.controller.store.leases import LeaseLost
from eaves.controller.store.notifications import Notification, Queue
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.errors import Rejected

log = structlog.get_logger()

LOOK_EVERY: Final = timedelta(seconds=1)
QUEUES_AT_ONCE: Final = 32
CHANNELS_AT_ONCE: Final = 8
TURN_S: Final = 15.0  # of one channel
IN_A_MAIL: Final = 500  # incidents
A_TRY: Final = timedelta(minutes=2)  # longer than any takes
NO_SERVER: Final = (
    "the controller has no mail server; whoever runs it sets EAVES_MAIL_URL, or the channel names "
    "one of its own"
)
_SECURITY: Final = {MailSecurity.TLS: TLS, MailSecurity.NONE: PLAIN}


@dataclass(frozen=True)
class Channel:
    """`contract` is None for the mails of the controller itself."""

    name: str
    contract: AlertChannel | None = None
    secrets: dict[str, str] = field(default_factory=dict[str, str], repr=False)  # by field


class NoChannelError(Exception):
    """Nothing can ever be sent by it; the text says why."""


@dataclass
class Deliveries:
    """Lives on one event loop; `close` ends its threads."""

    engine: AsyncEngine
    keys: KeyStore
    settings: NotifySettings
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(CHANNELS_AT_ONCE, "notify")
    )

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def tick(self, held: Held) -> None:
        """Send what is due.  Raises LeaseLost."""
        async with snapshot(self.engine) as db:
            queues = await notifications.due_queues(db, self.clock(), QUEUES_AT_ONCE)
        places = asyncio.Semaphore(CHANNELS_AT_ONCE)
        lost: list[LeaseLost] = []

        async def serve(queue: Queue) -> None:
            async with places:
                if lost:
                    return
                try:
                    await self._serve(held, queue)
                except LeaseLost as error:
                    lost.append(error)
                except Exception:
                    log.exception("notifications_not_sent", channel_id=queue.channel_id)

        async with asyncio.TaskGroup() as tasks:
            for queue in queues:
                tasks.create_task(serve(queue), name=f"notify {queue.channel_id}")
        if lost:
            raise lost[0]

    async def _serve(self, held: Held, queue: Queue) -> None:
        """One turn of one channel."""
        loop = asyncio.get_running_loop()
        end = loop.time() + TURN_S
        try:
            channel = await self._channel(held, queue)
        except NoChannelError as error:
            await self._give_up_all(held, queue, str(error))
            return
        await self._give_up_old(held, queue, channel)
        while loop.time() < end:
            now = self.clock()
            async with unit_of_work(self.engine) as db:
                await held.confirm(db)
                taken = await _take(db, queue, channel, now)
            if not taken:
                return
            outcome = await self._send(channel, _as_one(taken), now)
            await self._settle(queue, channel, taken, outcome)
            if isinstance(outcome, Away):
                return

    async def _channel(self, held: Held, queue: Queue) -> Channel:
        if not queue.channel_id:
            if self.settings.mail is None:
                raise NoChannelError(NO_SERVER)
            return Channel("mail of the controller")
        async with snapshot(self.engine) as db:
            stored = await notifications.find_channel(db, queue)
            found = await sealed.find_secrets(db, (queue.channel_id,))
        if stored is None:
            raise NoChannelError("the channel was deleted")
        if stored.state == DISABLED:
            raise NoChannelError("the channel is disabled")
        try:
            secrets = {name.field: self._open(name, value) for name, value in found.items()}
        except Rejected as error:
            raise NoChannelError(f"its secrets cannot be read: {error}; set them again") from error
        return Channel(stored.name, _contract(stored), secrets)

    def _open(self, name: SecretName, value: bytes) -> str:
        return self.keys.open(name.purpose, value).decode()

    async def _send(self, channel: Channel, one: Notification, now: datetime) -> Outcome:
        contract = channel.contract
        if contract is None:
            if self.settings.mail is None:
                return Never(NO_SERVER)
            made = _mail(one, one.recipients, now)
            return await mail.send(self.settings.mail, made, self._threads, None)
        if contract.webhook is not None:
            hook = webhook.Webhook(
                contract.webhook.url,
                channel.secrets.get(WEBHOOK_SECRET, ""),
                contract.webhook.ca_pem,
            )
            body = _body(one, now)
            post = webhook.Post(one.id, body, now)
            return await webhook.send(hook, post, self._threads, self.settings.networks)
        if contract.mail is not None:
            return await self._mail(contract.mail, channel, one, now)
        return Never(f"channel {channel.name} says neither mail nor webhook; set one")

    async def _mail(
        self, config: MailChannel, channel: Channel, one: Notification, now: datetime
    ) -> Outcome:
        made = _mail(one, config.to, now)
        if config.server is not None:
            server = _server(config.server, channel.secrets.get(MAIL_PASSWORD, ""))
            return await mail.send(server, made, self._threads, self.settings.networks)
        if self.settings.mail is None:
            return Never(NO_SERVER)
        return await mail.send(self.settings.mail, made, self._threads, None)

    async def _settle(
        self, queue: Queue, channel: Channel, some: Sequence[Notification], outcome: Outcome
    ) -> None:
        """Without a look at the lease: what was sent was sent, whoever has it by now."""
        now = self.clock()
        async with unit_of_work(self.engine) as db:
            match outcome:
                case Delivered(note):
                    for one in some:
                        await notifications.settle(db, one, notifications.SENT, note, now)
                case Never(why):
                    for one in some:
                        await notifications.settle(db, one, notifications.GIVEN_UP, why, now)
                    text = f"{_as_one(some).subject!r} is given up: {why}"
                    await _tell(db, queue, channel.name, text, now)
                case Later(why):
                    until = now + self._pause(some[0].tries)
                    for one in some:
                        await notifications.put_off(db, one, why, until)
                case Away(why):
                    tries = await notifications.most_tries(db, queue)
                    until = now + self._pause(tries)
                    for one in some:
                        await notifications.put_off(db, one, why, until)
                    await notifications.put_off_all(db, queue, until)
                case _:
                    assert_never(outcome)
        if not isinstance(outcome, Delivered):
            log.info("notification_not_sent", channel_id=queue.channel_id, why=outcome.why)

    def _pause(self, tries: int) -> timedelta:
        return pause_after(tries, self.random(1)[0] / 256)

    async def _give_up_old(self, held: Held, queue: Queue, channel: Channel) -> None:
        now = self.clock()
        async with unit_of_work(self.engine) as db:
            await held.confirm(db)
            count, last = await notifications.give_up_old(db, queue, now - GIVE_UP_AFTER, now)
            if count:
                hours = GIVE_UP_AFTER // timedelta(hours=1)
                text = f"{count} notifications are given up after {hours} hours: {last}"
                await _tell(db, queue, channel.name, text, now)

    async def _give_up_all(self, held: Held, queue: Queue, why: str) -> None:
        now = self.clock()
        async with unit_of_work(self.engine) as db:
            await held.confirm(db)
            count = await notifications.give_up_all(db, queue, why, now)
            if count:
                await _tell(db, queue, "", f"{count} notifications are given up: {why}", now)


async def _take(db: Db, queue: Queue, channel: Channel, now: datetime) -> Sequence[Notification]:
    """What is sent next: to people one mail for all that a rule has to tell, else one by one."""
    one = await notifications.take_next(db, queue, now, A_TRY)
    if one is None:
        return ()
    if channel.contract is None or channel.contract.mail is None or one.what is What.TEST:
        return (one,)
    return (one, *await notifications.take_alike(db, queue, one, now, A_TRY, IN_A_MAIL - 1))


def _as_one(some: Sequence[Notification]) -> Notification:
    told = of_several([Message(one.subject, one.message) for one in some])
    return replace(some[0], subject=told.subject, message=told.text)


async def _tell(db: Db, queue: Queue, name: str, text: str, now: datetime) -> None:
    about = f"alert channel {name or queue.channel_id}" if queue.channel_id else "mail"
    stored = await notifications.find_channel(db, queue) if queue.channel_id else None
    await insert_event(
        db,
        Event(
            at=now,
            enterprise_id=queue.enterprise_id,
            project_id="" if stored is None else stored.project_id,
            event_type="NOTIFICATION_GIVEN_UP",
            description=f"{about}: {text}",
            severity="error",
            object_kind=Kind.ALERT_CHANNEL.value if queue.channel_id else "",
            object_id=queue.channel_id,
            object_name=name,
        ),
    )


def _contract(stored: StoredObject) -> AlertChannel:
    try:
        return read_stored(AlertChannel, stored.body, {"id": stored.id, "name": stored.name})
    except ValidationError as error:
        raise NoChannelError("the channel cannot be read; write it again") from error


def _server(config: MailServerConfig, password: str) -> MailServer:
    return MailServer(
        host=config.host,
        port=config.port,
        security=_SECURITY.get(config.security, STARTTLS),
        sender=config.from_address,
        username=config.username,
        password=password,
        ca_pem=config.ca_pem,
    )


def _mail(one: Notification, to: tuple[str, ...], now: datetime) -> mail.Mail:
    return mail.Mail(one.id, one.incident_id, to, one.subject, one.message, now)


def _body(one: Notification, now: datetime) -> bytes:
    told = json.loads(one.payload) if one.payload else {"what": What.MAIL.value}
    whole = {"id": one.id, **told, "sentAt": rfc3339(now)}
    return json.dumps(whole, separators=(",", ":")).encode()
