"""One connection to the NATS servers, and the few requests that a start makes over it."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import httpx
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)

from eaves.controller.sink_settings import StreamSettings
from eaves.controller.telemetry.stream.credentials import signature, user_jwt
from eaves.controller.telemetry.stream.layout import (
    DUPLICATE_WINDOW_S,
    OVERHEAD_BYTES,
    SET_ASIDE,
    SET_ASIDE_BYTES,
    SET_ASIDE_DAYS,
    Names,
    Topic,
    pace_of,
)
from eaves.controller.telemetry.stream.synced import ServerSays, require_synced, server_says
from eaves.errors import Rejected, Transient

log = structlog.get_logger()

T = TypeVar("T")

CONNECT_S = 20.0
REQUEST_S = 5.0
READY_S = 30.0  # for a cluster that elects its leaders
REASONS = 8  # that are told apart in one loss of the connection


class NoStream(Transient):
    """The stream cannot be reached, or does not answer."""


class UnfitStream(Rejected):
    """A stream or server that cannot carry this telemetry as it is set up."""


class _Manager(Protocol):
    """What is used here of JetStreamContext, whose hints leave out the types of `**params`."""

    async def stream_info(self, name: str, /) -> StreamInfo: ...

    async def add_stream(self, config: StreamConfig, /) -> StreamInfo: ...

    async def update_stream(self, config: StreamConfig, /) -> StreamInfo: ...

    async def consumer_info(self, stream: str, consumer: str, /) -> ConsumerInfo: ...

    async def add_consumer(self, stream: str, config: ConsumerConfig, /) -> ConsumerInfo: ...


def jetstream(client: Client) -> JetStreamContext:
    """For requests that wait `REQUEST_S` for their answer."""
    return client.jetstream(timeout=REQUEST_S)  # pyright: ignore[reportUnknownMemberType]  # nats-py: **opts without a type


async def connect(settings: StreamSettings, name: str, within_s: float = CONNECT_S) -> Client:
    """Connect, and from then on reconnect by itself.  Raises NoStream.

    `name` shows in the server's list of connections.
    """
    client = Client()
    servers = ", ".join(settings.servers)
    seen: dict[str, None] = {}  # the servers may refuse for different reasons, in any order

    async def on_error(error: Exception) -> None:
        why = str(error) or type(error).__name__
        if why in seen or len(seen) == REASONS:  # it is tried several times a second
            return
        seen[why] = None
        log.warning("stream_connection_error", connection=name, why=why)

    async def on_lost() -> None:
        if client.is_closed:  # by us
            return
        log.warning("stream_disconnected", connection=name)

    async def on_back() -> None:
        seen.clear()
        log.info("stream_reconnected", connection=name)

    credentials = settings.credentials
    try:
        async with asyncio.timeout(within_s):
            await client.connect(
                list(settings.servers),
                name=name,
                user=settings.user or None,
                password=settings.password or None,
                user_jwt_cb=None
                if credentials is None
                else lambda: bytearray(user_jwt(credentials)),
                signature_cb=None
                if credentials is None
                else lambda nonce: signature(credentials, nonce),
                tls=_tls(settings),
                error_cb=on_error,
                disconnected_cb=on_lost,
                reconnected_cb=on_back,
                reconnect_time_wait=0.5,  # type: ignore[arg-type]  # seconds, whatever the hint says
                max_reconnect_attempts=-1,
                ping_interval=5,
                max_outstanding_pings=2,
                connect_timeout=4,
            )
    except (TimeoutError, OSError, nats.errors.Error) as error:
        await client.close()
        raise NoStream(
            f"EAVES_STREAM_URL {servers}: no server let us in within {within_s:.0f} s "
            f"({'; '.join(seen) or type(error).__name__}); check that they run, the user and TLS"
        ) from error
    return client


def _tls(settings: StreamSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    context = ssl.create_default_context(cafile=settings.tls_root)
    if settings.tls_certificate is not None:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context


async def prepare(
    client: Client,
    settings: StreamSettings,
    sinks: dict[Topic, tuple[str, ...]],
    largest_report: int,
) -> None:
    """Make streams and readers that are missing; refuse those that promise too little.

    `sinks`: the names of the readers of each topic.  `largest_report`: bytes of the largest
    message that a device may send.  Raises NoStream, UnfitStream, Unsynced.
    """
    if client.max_payload < largest_report + OVERHEAD_BYTES:
        raise UnfitStream(
            f"the NATS servers take messages of {client.max_payload} bytes and a device may send "
            f"{largest_report}; set `max_payload: 8MB` on each server"
        )
    context = jetstream(client)
    names = Names(settings.name)
    for topic, readers in sinks.items():
        info = await _patiently(partial(_ensure_stream, context, settings, topic))
        if topic == next(iter(sinks)):
            await check_synced(settings, info)
        for reader in readers:
            await _patiently(partial(_ensure_reader, context, names, topic, reader))
    await _patiently(partial(_ensure_set_aside, context, settings))


async def _patiently(request: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the cluster elects its leaders.  Raises NoStream."""
    end = asyncio.get_running_loop().time() + READY_S
    while True:
        try:
            return await request()
        except (TimeoutError, nats.errors.Error) as error:
            final = isinstance(error, nats.js.errors.BadRequestError)
            if final or asyncio.get_running_loop().time() > end:
                raise NoStream(f"EAVES_STREAM_URL: JetStream does not serve us: {error}") from error
        await asyncio.sleep(0.25)


async def _ensure_stream(context: _Manager, settings: StreamSettings, topic: Topic) -> StreamInfo:
    names = Names(settings.name)
    wanted = StreamConfig(
        name=names.stream(topic),
        subjects=[names.subject(topic)],
        retention=RetentionPolicy.INTEREST,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        num_replicas=settings.replicas,
        max_bytes=settings.bytes_each,
        duplicate_window=DUPLICATE_WINDOW_S,
    )
    try:
        info = await context.stream_info(names.stream(topic))
    except nats.js.errors.NotFoundError:
        return await context.add_stream(wanted)
    found = info.config
    for word, is_, should in (
        ("retention", found.retention, RetentionPolicy.INTEREST),
        ("storage", found.storage, StorageType.FILE),
        ("discard", found.discard, DiscardPolicy.NEW),
        ("replicas", found.num_replicas, settings.replicas),
        ("subjects", found.subjects, wanted.subjects),
    ):
        if is_ != should:
            raise UnfitStream(
                f"the stream {found.name} has {word} {is_!r}, needed is {should!r}; "
                "change it with the nats command, or give another EAVES_STREAM_NAME"
            )
    if found.max_bytes != settings.bytes_each:
        found.max_bytes = settings.bytes_each
        return await context.update_stream(found)
    return info


async def _ensure_reader(context: _Manager, names: Names, topic: Topic, reader: str) -> None:
    """Make it, or give one that an earlier release made the pace of this one."""
    pace = pace_of(topic)
    wanted = ConsumerConfig(
        durable_name=reader,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=pace.ack_wait_s,
        max_ack_pending=pace.in_flight,
        max_deliver=-1,
    )
    try:
        found = (await context.consumer_info(names.stream(topic), reader)).config
    except nats.js.errors.NotFoundError:
        await context.add_consumer(names.stream(topic), wanted)
        return
    if (found.max_ack_pending, found.ack_wait) != (pace.in_flight, pace.ack_wait_s):
        await context.add_consumer(names.stream(topic), wanted)


async def _ensure_set_aside(context: _Manager, settings: StreamSettings) -> None:
    names = Names(settings.name)
    try:
        await context.stream_info(names.stream(SET_ASIDE))
    except nats.js.errors.NotFoundError:
        await context.add_stream(
            StreamConfig(
                name=names.stream(SET_ASIDE),
                subjects=[names.subject(SET_ASIDE)],
                storage=StorageType.FILE,
                num_replicas=settings.replicas,
                max_bytes=SET_ASIDE_BYTES,
                max_age=SET_ASIDE_DAYS * 86400.0,
                discard=DiscardPolicy.OLD,
            )
        )


async def check_synced(settings: StreamSettings, info: StreamInfo) -> None:
    """Raises Unsynced, unless the operator took the risk by name."""
    if settings.accept_unsynced:
        log.warning(
            "stream_sync_not_checked",
            why="EAVES_STREAM_UNSYNCED is set: a power cut that takes a majority of the servers "
            "may take acknowledged telemetry",
        )
        return
    cluster = info.cluster
    peers: list[str] = []
    if cluster is not None:
        peers = [cluster.leader or "", *(peer.name or "" for peer in cluster.replicas or ())]
    require_synced(await ask_monitors(settings.monitors), [peer for peer in peers if peer])


async def ask_monitors(urls: Sequence[str]) -> tuple[ServerSays, ...]:
    async with httpx.AsyncClient(timeout=REQUEST_S) as http:
        return tuple([await _ask(http, url) for url in urls])


async def _ask(http: httpx.AsyncClient, url: str) -> ServerSays:
    try:
        reply = await http.get(f"{url}/varz")
        return server_says(url, reply.json())
    except (httpx.HTTPError, ValueError) as error:
        return ServerSays(url, error=str(error) or type(error).__name__)
