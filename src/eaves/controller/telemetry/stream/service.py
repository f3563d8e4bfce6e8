"""The stream in a running controller: a thread with its own loop, connections and readers.

Publishing and reading have a connection each, so that a large fetch never stands before an
acknowledgement that a device waits for.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import structlog
from nats.aio.client import Client

from eaves.controller.sink_settings import StreamSettings
from eaves.controller.telemetry.pipeline import Unavailable
from eaves.controller.telemetry.sinks.sink import Sink
from eaves.controller.telemetry.stream.backlog import Backlog, watch_backlog_forever
from eaves.controller.telemetry.stream.connection import connect, prepare
from eaves.controller.telemetry.stream.consume import Progress, Reader
from eaves.controller.telemetry.stream.layout import Names, Topic
from eaves.controller.telemetry.stream.publish import NotAcknowledged, Publisher, StreamFull

log = structlog.get_logger()

R = TypeVar("R")
T = TypeVar("T")

STOP_S: Final = 10.0  # for readers to finish what they have in hand


@dataclass(frozen=True, slots=True)
class StreamState:
    """For `/metrics` and readiness."""

    connected: bool
    backlog: Backlog
    progress: Mapping[str, Progress]  # by "topic/sink"


class StreamCommitter(Generic[R]):
    """A commit of a pipeline that is one message of the stream; from any loop."""

    def __init__(self, publisher: Publisher[R], loop: asyncio.AbstractEventLoop) -> None:
        self._publisher, self._loop = publisher, loop

    async def commit(self, batch: Sequence[R], /) -> Sequence[None]:
        """Return once the stream holds the batch.  Raises Unavailable, TooLarge."""
        await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(self._publish(batch), self._loop)
        )
        return [None] * len(batch)

    async def _publish(self, batch: Sequence[R]) -> None:
        try:
            await self._publisher.publish(batch)
        except (NotAcknowledged, StreamFull) as error:
            raise Unavailable(str(error)) from error


class TelemetryStream:
    """Started and stopped by the composition root; `start` raises what stood against it."""

    def __init__(
        self,
        settings: StreamSettings,
        *,
        largest_report: int,
        random: Callable[[int], bytes],
    ) -> None:
        """`largest_report`: bytes of the largest message that a device may send."""
        self._settings, self._names = settings, Names(settings.name)
        self._largest, self._random = largest_report, random
        self._backlog = Backlog()
        self._readers: dict[str, Reader] = {}
        self._sinks: Mapping[Topic, Sequence[Sink]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="stream")
        self._publishing: Client | None = None
        self._reading: Client | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, sinks: Mapping[Topic, Sequence[Sink]]) -> None:
        """Connect, make what is missing, begin to read.  `sinks`: who reads each topic.

        Raises NoStream, UnfitStream, Unsynced.
        """
        self._sinks = sinks
        self._thread.start()
        try:
            self._await(self._open())
        except BaseException:
            self.stop()
            raise

    def committer(self, topic: Topic, encode: Callable[[Sequence[R]], bytes]) -> StreamCommitter[R]:
        """What a pipeline commits by; after `start`."""
        if self._publishing is None:
            raise RuntimeError("the stream is not started")
        publisher = Publisher(self._publishing, self._names, topic, encode, self._random)
        return StreamCommitter(publisher, self._loop)

    def state(self) -> StreamState:
        """From any thread."""
        return StreamState(
            connected=self._publishing is not None and self._publishing.is_connected,
            backlog=self._backlog,
            progress={name: reader.progress for name, reader in self._readers.items()},
        )

    def stop(self) -> None:
        """Give back what readers have in hand and end; pipelines are drained before."""
        if not self._thread.is_alive():
            return
        self._await(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        readers = {topic: tuple(s.name for s in sinks) for topic, sinks in self._sinks.items()}
        self._publishing = await connect(self._settings, "eaves publishes")
        await prepare(self._publishing, self._settings, readers, self._largest)
        self._reading = await connect(self._settings, "eaves reads")
        for topic, sinks in self._sinks.items():
            for sink in sinks:
                reader = Reader(self._reading, self._names, topic, sink)
                self._readers[f"{topic}/{sink.name}"] = reader
                self._tasks.append(asyncio.create_task(reader.run_forever(), name=sink.name))
        watching = watch_backlog_forever(
            self._reading, self._names, tuple(self._sinks), self._backlog
        )
        self._tasks.append(asyncio.create_task(watching, name="backlog"))

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        for sink in (sink for sinks in self._sinks.values() for sink in sinks):
            await sink.close()
        for client in (self._publishing, self._reading):
            if client is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(STOP_S):
                        await client.close()
