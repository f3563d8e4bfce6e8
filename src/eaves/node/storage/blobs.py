"""Content by its digest: whole, verified, fetched once, kept while somebody stands on it."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from eaves.errors import Rejected
from eaves.node.host.files import sync_folder
from eaves.node.storage.partial import hash_from_disk, remove_partial
from eaves.node.storage.records import Layout, load, save
from eaves.node.storage.transfer import Note

log = structlog.get_logger(__name__)

Fetch = Callable[[Note], Awaitable[tuple[str, str]]]  # progress -> URL, streamed digest
Phase = Callable[[str], None]


class DigestMismatch(Rejected):
    def __init__(self, url: str, wanted: str, got: str, tries: int) -> None:
        super().__init__(
            f"{url}: sha256 {got}, the configuration asks for {wanted}; fetched {tries} times: "
            "correct the digest or the file"
        )
        self.url, self.wanted, self.got = url, wanted, got


@dataclass(frozen=True, slots=True)
class Verified:
    """That these bytes had the right digest; holds while size, mtime and inode stay."""

    size_bytes: int
    mtime_ns: int
    inode: int
    at: float


class BlobStore:
    def __init__(self, layout: Layout, now: Callable[[], float]) -> None:
        self._layout = layout
        self._now = now
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._watchers: defaultdict[str, list[Note]] = defaultdict(list)
        self.under_way: dict[str, tuple[int, int | None]] = {}  # digest -> bytes here, in all

    def size(self, sha256: str) -> int | None:
        """Its size if it is here and verified."""
        path = self._layout.blob(sha256)
        seen = load(_marker(path), Verified)
        if seen is None:
            return None
        try:
            stat = path.stat()
        except FileNotFoundError:
            return None
        same = (stat.st_size, stat.st_mtime_ns, stat.st_ino) == (
            seen.size_bytes,
            seen.mtime_ns,
            seen.inode,
        )
        return seen.size_bytes if same else None

    def verified_at(self, sha256: str) -> float:
        seen = load(_marker(self._layout.blob(sha256)), Verified)
        return 0.0 if seen is None else seen.at

    async def ensure(
        self, sha256: str, fetch: Fetch, note: Note, phase: Phase, retries: int
    ) -> None:
        """Have it here, verified.  Who asks for what another already fetches, waits for it."""
        self._watchers[sha256].append(note)
        try:
            async with self._locks[sha256]:
                if self.size(sha256) is None and not await self._verify_again(sha256):
                    await self._obtain(sha256, fetch, phase, retries)
        finally:
            self._watchers[sha256].remove(note)
            if not self._watchers[sha256]:
                del self._watchers[sha256]

    async def _verify_again(self, sha256: str) -> bool:
        """A blob whose marker does not fit: cut off before it was written, or touched since."""
        path = self._layout.blob(sha256)
        if not path.exists():
            return False
        if await asyncio.to_thread(hash_from_disk, path) != sha256:
            log.warning("blob_damaged", sha256=sha256)
            self._drop(sha256)
            return False
        self._mark(sha256)
        return True

    async def _obtain(self, sha256: str, fetch: Fetch, phase: Phase, retries: int) -> None:
        part = self._layout.downloads / f"{sha256}.part"

        def note(here: int, total: int | None) -> None:
            self.under_way[sha256] = (here, total)
            for watcher in tuple(self._watchers[sha256]):
                watcher(here, total)

        url, got = "", ""
        try:
            for attempt in range(retries + 1):
                url, got = await fetch(note)
                phase("VERIFYING")
                if got == sha256:
                    got = await asyncio.to_thread(hash_from_disk, part)
                if got == sha256:
                    await asyncio.to_thread(self._adopt, sha256, part)
                    return
                log.warning("digest_mismatch", url=url, wanted=sha256, got=got, attempt=attempt)
                remove_partial(part)
        finally:
            self.under_way.pop(sha256, None)
        raise DigestMismatch(url, sha256, got, retries + 1)

    def keep(self, sha256: str, data: bytes) -> None:
        """Store a small object that was read and checked in memory."""
        part = self._layout.downloads / f"{sha256}.part"
        part.write_bytes(data)
        fd = os.open(part, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        self._adopt(sha256, part)

    def _adopt(self, sha256: str, part: Path) -> None:
        path = self._layout.blob(sha256)
        # Readable by the unprivileged helpers, which get it as an open file: the vault's own
        # folder keeps everybody else out.
        part.chmod(0o444)
        part.rename(path)
        sync_folder(path.parent)
        self._mark(sha256)
        remove_partial(part)

    def _mark(self, sha256: str) -> None:
        path = self._layout.blob(sha256)
        stat = path.stat()
        save(_marker(path), Verified(stat.st_size, stat.st_mtime_ns, stat.st_ino, self._now()))

    def all(self) -> tuple[str, ...]:
        """Digests of everything below blobs/, verified or not."""
        return tuple(sorted({p.name.split(".")[0] for p in self._layout.blobs.iterdir()}))

    def remove(self, sha256: str) -> bool:
        """False while somebody is fetching it."""
        if sha256 in self._watchers:
            return False
        self._drop(sha256)
        self._locks.pop(sha256, None)
        return True

    def _drop(self, sha256: str) -> None:
        path = self._layout.blob(sha256)
        _marker(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")
