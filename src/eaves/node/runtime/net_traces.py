"""What was tried when controller or datastore could not be reached: archives, few and small.

One topic for each kind of request.  A topic is written down at most once in its gap, so that the
first failure of a row is kept, and the disk is not filled with its repetitions.
Source: node reference 5.4 and 15.
"""

import asyncio
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from eaves.errors import EavesError
from eaves.evapi.config_items import ItemValues
from eaves.evapi.flows.steps import NoConnection, Send
from eaves.node.comms.transport import Try, proxy_name
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.runtime.captured import Captures
from eaves.node.storage.transfer import HttpError
from eaves.node.uplinks.status import Shown

log = structlog.get_logger(__name__)

LONGEST_REASON: Final = 2000
LARGEST_TOPIC: Final = 64 << 20  # bytes of its archives; the newest is kept in any case


@dataclass(frozen=True, slots=True)
class Tracing:
    enabled: bool
    gap_s: float  # between two archives of one topic
    most: int  # archives of one topic
    packets: bool = False  # of downloads
    header_values: bool = False  # of answers from datastores, not the names alone


def tracing_of(items: ItemValues, *, onboarded: bool) -> Tracing:
    before, after = "netdump.topic.preonboard.interval", "netdump.topic.postonboard.interval"
    return Tracing(
        items.flag("netdump.enable"),
        items.seconds(after if onboarded else before),
        items.count("netdump.topic.maxcount"),
        items.flag("netdump.downloader.with.pcap"),
        items.flag("netdump.downloader.http.with.fieldvalue"),
    )


class NetTraces:
    """`ports` is the file in which the node keeps the state of its ports."""

    def __init__(
        self,
        folder: Path,
        ports: Path,
        tracing: Callable[[], Tracing],
        clock: Callable[[], datetime],
    ) -> None:
        self._folder = folder
        self._ports = ports
        self._tracing = tracing
        self._clock = clock
        self._written: dict[str, datetime] = {}
        self.captures = Captures(folder, self._wants_packets, self._uplinks)

    def _wants_packets(self) -> bool:
        tracing = self._tracing()
        return tracing.enabled and tracing.packets

    def failed(self, send: Send, tries: Sequence[Try]) -> None:
        """A request that nobody answered.  What it held is nobody's business."""
        topic = f"{send.endpoint.name.lower()}-fail"
        now, tracing = self._clock(), self._tracing()
        if self._is_due(topic, now, tracing):
            self._keep(topic, now, tracing.most, told_of(send, tries, now), None)

    async def not_brought(self, base: str, error: EavesError) -> None:
        """A download from the datastore at `base` that failed."""
        topic, now, tracing = "downloader-fail", self._clock(), self._tracing()
        with self.captures.taken(base) as packets:
            if not self._is_due(topic, now, tracing):
                return
            told = {
                "at": now.isoformat(),
                "datastore": base,
                "failed": str(error)[:LONGEST_REASON],
                "headers": shown_headers(error, values=tracing.header_values),
            }
            await asyncio.to_thread(self._keep, topic, now, tracing.most, told, packets)

    def _is_due(self, topic: str, now: datetime, tracing: Tracing) -> bool:
        """Then it counts as written."""
        before = self._written.get(topic)
        if not tracing.enabled:
            return False
        if before is not None and (now - before).total_seconds() < tracing.gap_s:
            return False
        self._written[topic] = now
        return True

    def _keep(
        self,
        topic: str,
        now: datetime,
        most: int,
        told: Mapping[str, object],
        packets: Path | None,
    ) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            files = {
                "request.json": json.dumps(told, indent=1).encode(),
                "ports.json": self._seen(),
            }
            name = f"{topic}-{now:%Y%m%dT%H%M%S.%f}.tar.gz"
            atomic_write(self._folder / name, archive(files, packets, now))
            kept = sorted(self._folder.glob(f"{topic}-*.tar.gz"))
            for old in kept[: surplus([one.stat().st_size for one in kept], most)]:
                old.unlink(missing_ok=True)
            log.info("network_trace_kept", file=name)
        except (OSError, EavesError) as error:
            log.warning("network_trace_not_kept", topic=topic, error=str(error))

    def _uplinks(self) -> frozenset[str]:
        """Interfaces of the management ports."""
        shown = self._shown()
        ports = shown.ports if shown else ()
        return frozenset(p.ifname for p in ports if p.management and p.ifname)

    def _shown(self) -> Shown | None:
        data = read_or_none(self._ports)
        try:
            return None if data is None else msgspec.json.decode(data, type=Shown)
        except msgspec.MsgspecError:
            return None

    def _seen(self) -> bytes:
        """The ports as the node saw them, without what a proxy is told to let us through."""
        shown = self._shown()
        if shown is None:
            return b"{}"
        ports = tuple(
            msgspec.structs.replace(p, proxy=proxy_name(p.proxy) if p.proxy else "", roots=())
            for p in shown.ports
        )
        return msgspec.json.encode(msgspec.structs.replace(shown, ports=ports))


def shown_headers(error: EavesError, *, values: bool) -> dict[str, str]:
    """Of the answer that refused a download.  A value may hold what is nobody's business."""
    headers: Mapping[str, str] = error.headers if isinstance(error, HttpError) else {}
    return {name: value[:LONGEST_REASON] if values else "" for name, value in headers.items()}


def told_of(send: Send, tries: Sequence[Try], now: datetime) -> dict[str, object]:
    return {
        "at": now.isoformat(),
        "request": f"{send.method} {send.path}",
        "tries": [
            {
                "port": one.way.label,
                "interface": one.way.interface,
                "source": one.way.source,
                "proxy": proxy_name(one.way.proxy) if one.way.proxy else "",
                "seconds": round(one.seconds, 3),
                "failed": one.reply.reason[:LONGEST_REASON]
                if isinstance(one.reply, NoConnection)
                else f"HTTP {one.reply.status}",
            }
            for one in tries
        ],
    }


def surplus(sizes: Sequence[int], most: int) -> int:
    """How many of these, the oldest first, are too many or make all too large."""
    kept, total = 0, 0
    for size in reversed(sizes):
        total += size
        if kept and (kept >= most or total > LARGEST_TOPIC):
            break
        kept += 1
    return len(sizes) - kept


def archive(files: Mapping[str, bytes], packets: Path | None, at: datetime) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), int(at.timestamp()), 0o600
            tar.addfile(entry, io.BytesIO(data))
        if packets is not None:
            tar.add(packets, "packets.pcap")
    return out.getvalue()
