"""Batches out of a stream into a sink: acknowledged when the sink has committed.

Every process may read for every sink; JetStream gives each message to one of them.  While a sink
is away the messages in hand are kept and tried again with a growing pause, and the stream hears
that they are worked on; a process that dies says nothing, and another gets them after some time
(`layout.Pace`).  Because a message can come twice, a sink must change nothing when it does.

A message that a sink can never take is tried alone, then report by report: what is left is set
aside in a stream of its own, logged, and no longer stands in the way of the rest.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import PubAck

from eaves.controller.telemetry.sinks.sink import Sink
from eaves.controller.telemetry.stream.connection import jetstream
from eaves.controller.telemetry.stream.layout import SET_ASIDE, Names, Topic, pace_of
from eaves.errors import Rejected, Transient

log = structlog.get_logger()

FETCH_S: Final = 5.0
PAUSE_S: Final = (0.2, 30.0)  # the first and the longest pause of a sink that is away


@dataclass(slots=True)
class Progress:
    """Counted since the start of this process, for `/metrics`."""

    stored: int = 0  # messages
    set_aside: int = 0  # reports
    failures: int = 0  # attempts that the sink could not take
    away: str = ""  # why the sink cannot be reached now


class Reader:
    """Reads one topic for one sink.  Lives on the loop of its connection."""

    def __init__(self, client: Client, names: Names, topic: Topic, sink: Sink) -> None:
        self._context = jetstream(client)
        self._names, self._topic, self._sink = names, topic, sink
        self._pace = pace_of(topic)
        self.progress = Progress()

    async def run_forever(self) -> None:
        """Until cancelled; what is in hand then is given to another reader."""
        while True:
            try:
                subscription = await self._context.pull_subscribe_bind(
                    self._sink.name, stream=self._names.stream(self._topic)
                )
                try:
                    while True:
                        await self._turn(subscription)
                finally:
                    await _quietly(subscription.unsubscribe)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - a task boundary: the messages stay in the stream
                log.warning("stream_reader_begins_anew", sink=self._sink.name, why=repr(error))
            await asyncio.sleep(PAUSE_S[0])

    async def _turn(self, subscription: JetStreamContext.PullSubscription) -> None:
        try:
            messages = await subscription.fetch(self._pace.at_once, timeout=FETCH_S)
        except (TimeoutError, nats.errors.TimeoutError):
            return
        now = asyncio.get_running_loop().time
        until = now() + self._pace.rest_s
        working = asyncio.create_task(
            _say_working_forever(messages, self._pace.ack_wait_s / 3), name="working"
        )
        try:
            await self._deliver(messages)
        except asyncio.CancelledError:
            for message in messages:
                await _quietly(message.nak)
            raise
        finally:
            working.cancel()
            await asyncio.wait([working])
        for message in messages:
            await message.ack()
        if not messages[-1].metadata.num_pending:
            await asyncio.sleep(max(0.0, until - now()))

    async def _deliver(self, messages: Sequence[Msg]) -> None:
        """Return once the sink has each message, or it is set aside."""
        try:
            await self._store([message.data for message in messages])
        except Rejected:
            for message in messages:
                await self._deliver_alone(message.data)
        self.progress.stored += len(messages)

    async def _deliver_alone(self, batch: bytes) -> None:
        try:
            await self._store([batch])
        except Rejected as error:
            try:
                parts = self._sink.apart(batch)
            except Rejected:
                parts = ()
            if len(parts) < 2:
                await self._set_aside(batch, error)
                return
            for part in parts:
                await self._deliver_alone(part)

    async def _store(self, batches: Sequence[bytes]) -> None:
        """Try until the sink takes them.  Raises Rejected."""
        pause, longest = PAUSE_S
        while True:
            try:
                await self._sink.store(batches)
            except Transient as error:
                self.progress.failures += 1
                if self.progress.away != str(error):
                    self.progress.away = str(error)
                    log.warning("sink_away", sink=self._sink.name, why=str(error))
            else:
                if self.progress.away:
                    log.info("sink_back", sink=self._sink.name)
                    self.progress.away = ""
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def _set_aside(self, batch: bytes, error: Rejected) -> None:
        """Keep what the sink cannot take; the message is acknowledged only after that."""
        subject, stream = self._names.subject(SET_ASIDE), self._names.stream(SET_ASIDE)
        headers: dict[str, Any] = {
            "Eaves-Sink": self._sink.name,
            "Eaves-Topic": str(self._topic),
            "Eaves-Why": str(error).encode("ascii", "replace").decode()[:500].replace("\n", " "),
        }
        pause, longest = PAUSE_S
        kept: PubAck | None = None
        while kept is None:
            try:
                kept = await self._context.publish(subject, batch, stream=stream, headers=headers)
            except (TimeoutError, nats.errors.Error) as failure:
                log.warning("set_aside_not_stored", sink=self._sink.name, why=str(failure))
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)
        self.progress.set_aside += 1
        log.error(
            "telemetry_set_aside",
            sink=self._sink.name,
            stream=stream,
            sequence=kept.seq,
            size_bytes=len(batch),
            why=str(error),
        )


async def _say_working_forever(messages: Sequence[Msg], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        for message in messages:
            await _quietly(message.in_progress)


async def _quietly(call: Callable[[], Awaitable[object]]) -> None:
    """What only speeds things up may fail with the connection: the server finds out by itself."""
    try:
        await call()
    except (TimeoutError, nats.errors.Error) as error:
        log.debug("stream_call_failed", why=str(error))
