"""What every sink has acknowledged leaves the streams.

Any process may do it, and several may: a purge names the sequence number that it stops before, so
it never takes what a sink still needs, however late it is carried out.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client

from eaves.controller.telemetry.stream.layout import Names, Position, Topic, trim_before

log = structlog.get_logger()

INTERVAL_S: Final = 5.0


@dataclass(slots=True)
class Backlog:
    """What waits, as last seen; for `/metrics` and readiness."""

    messages: dict[str, int] = field(default_factory=dict[str, int])  # by "topic/sink"
    bytes: dict[str, int] = field(default_factory=dict[str, int])  # by topic


async def trim_forever(
    client: Client, names: Names, sinks: Mapping[Topic, tuple[str, ...]], backlog: Backlog
) -> None:
    """Until cancelled.  `sinks`: the names of all readers of each topic."""
    while True:
        for topic, readers in sinks.items():
            try:
                await trim(client, names, topic, readers, backlog)
            except (TimeoutError, nats.errors.Error) as error:
                log.debug("stream_not_trimmed", topic=topic, why=str(error))
        await asyncio.sleep(INTERVAL_S)


async def trim(
    client: Client, names: Names, topic: Topic, readers: tuple[str, ...], backlog: Backlog
) -> None:
    """Purge the front of one stream.  Raises nats.errors.Error, TimeoutError."""
    context = client.jetstream(timeout=5.0)
    stream = names.stream(topic)
    found = await context.consumers_info(stream)  # all of them, whoever made them
    positions: list[Position] = []
    for consumer in found:
        floor = consumer.ack_floor
        positions.append(Position(consumer.name, floor.stream_seq if floor is not None else 0))
        waiting = (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
        backlog.messages[f"{topic}/{consumer.name}"] = waiting
    info = await context.stream_info(stream)
    backlog.bytes[topic] = info.state.bytes
    if not set(readers) <= {position.sink for position in positions}:
        return  # a reader is missing: what it needs is unknown
    before = trim_before(tuple(positions), info.state.first_seq)
    if before is not None:
        await context.purge_stream(stream, seq=before)
