"""Image layers as folders, each unpacked once, and stacks of them as a container's root."""

import asyncio
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from eaves.errors import Rejected, Transient
from eaves.node.host.files import sync_folder
from eaves.node.host.process import run
from eaves.node.storage.ondisk import RootFs
from eaves.node.storage.records import LayerRecord, Layout, load, save
from eaves.node.storage.sandbox import run_unpacker, said

log = structlog.get_logger(__name__)

UNPACK_S = 1800.0
SYNC_S = 600.0


class LayerStore:
    def __init__(self, layout: Layout, now: Callable[[], float]) -> None:
        self._layout = layout
        self._now = now
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def record(self, sha256: str) -> LayerRecord | None:
        """None while it is not whole."""
        seen = load(self._layout.layer_record(sha256), LayerRecord)
        if seen is None or not self._layout.layer(sha256).is_dir():
            return None
        if seen.sha256 != sha256:
            raise Rejected(f"layer {sha256}: its short name is taken by layer {seen.sha256}")
        return seen

    async def ensure(self, sha256: str, free_bytes: Callable[[], int]) -> LayerRecord:
        """Have it unpacked; `free_bytes` says how large it may become."""
        async with self._locks[sha256]:
            return self.record(sha256) or await self._unpack(sha256, free_bytes())

    async def _unpack(self, sha256: str, limit: int) -> LayerRecord:
        folder = self._layout.layer(sha256)
        making = folder.with_suffix(".making")
        await asyncio.to_thread(_remove_tree, making)
        await asyncio.to_thread(_remove_tree, folder)  # without a record it is worth nothing
        making.mkdir(mode=0o755)
        module = "eaves.node.storage.unpack"
        argv = [sys.executable, "-I", "-m", module, str(self._layout.blob(sha256)), str(making)]
        done = await run_unpacker([*argv, f"--limit={limit}"], timeout_s=UNPACK_S)
        if done.code:
            await asyncio.to_thread(_remove_tree, making)
        match done.code:
            case 0:
                size = int(msgspec.json.decode(done.out, type=dict[str, int])["size"])
            case 3:
                raise Rejected(f"layer {sha256}: refused: {said(done)}")
            case 4:
                raise Transient(f"layer {sha256}: {said(done)}; {limit} bytes were free")
            case _:
                raise Transient(f"layer {sha256}: unpacking ended with {done.code}: {said(done)}")
        # All files must be on disk before a name says that they are.
        await run(["sync", "-f", str(making)], timeout_s=SYNC_S)
        making.rename(folder)
        sync_folder(folder.parent)
        record = LayerRecord(sha256, size, self._now())
        save(self._layout.layer_record(sha256), record)
        log.info("layer_unpacked", sha256=sha256, size_bytes=size)
        return record

    def all(self) -> tuple[LayerRecord, ...]:
        found = (load(path, LayerRecord) for path in sorted(self._layout.layers.glob("*.layer")))
        return tuple(record for record in found if record is not None)

    async def remove(self, sha256: str) -> None:
        async with self._locks[sha256]:
            self._layout.layer_record(sha256).unlink(missing_ok=True)
            await asyncio.to_thread(_remove_tree, self._layout.layer(sha256))
        self._locks.pop(sha256, None)


async def mount_rootfs(layout: Layout, rootfs: RootFs, target: Path) -> None:
    """Overlay the parts at `target`; mounted already: nothing to do."""
    if is_mounted(target):
        return
    _make_folder(target)
    lower = rootfs.lower or (_empty(layout),)
    # Relative names: 127 layers have to fit into one page of options.
    names = ":".join(_escaped(path.relative_to(layout.layers)) for path in lower)
    options = (
        f"lowerdir={names},upperdir={_escaped(rootfs.upper)},"
        f"workdir={_escaped(rootfs.work)},userxattr"
    )
    await run(["mount", "-t", "overlay", "-o", options, "overlay", str(target)], cwd=layout.layers)


async def unmount_rootfs(target: Path) -> None:
    if is_mounted(target):
        await run(["umount", str(target)])


def is_mounted(target: Path) -> bool:
    wanted = str(target.resolve())
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if line.split()[4].encode().decode("unicode_escape") == wanted:
            return True
    return False


def _make_folder(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)


def _empty(layout: Layout) -> Path:
    folder = layout.layers / "empty"
    folder.mkdir(exist_ok=True)
    return folder


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _remove_tree(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
