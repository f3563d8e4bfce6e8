"""What waits in the streams, looked at from time to time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client

from eaves.controller.telemetry.stream.connection import jetstream
from eaves.controller.telemetry.stream.layout import Names, Topic

log = structlog.get_logger()

INTERVAL_S: Final = 5.0


@dataclass(slots=True)
class Backlog:
    """As last seen; for `/metrics` and readiness."""

    messages: dict[str, int] = field(default_factory=dict[str, int])  # by "topic/sink"
    bytes: dict[str, int] = field(default_factory=dict[str, int])  # by topic


async def watch_backlog_forever(
    client: Client, names: Names, topics: Sequence[Topic], backlog: Backlog
) -> None:
    """Until cancelled."""
    while True:
        for topic in topics:
            try:
                await look(client, names, topic, backlog)
            except (TimeoutError, nats.errors.Error) as error:
                log.debug("stream_not_seen", topic=topic, why=str(error))
        await asyncio.sleep(INTERVAL_S)


async def look(client: Client, names: Names, topic: Topic, backlog: Backlog) -> None:
    """Note what waits in one stream.  Raises nats.errors.Error, TimeoutError."""
    context = jetstream(client)
    stream = names.stream(topic)
    for consumer in await context.consumers_info(stream):
        waiting = (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
        backlog.messages[f"{topic}/{consumer.name}"] = waiting
    backlog.bytes[topic] = (await context.stream_info(stream)).state.bytes
