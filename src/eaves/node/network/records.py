"""What was made, written down beside it, so that a new node process can tell it again.

A record alone proves nothing: `observe` checks each against the kernel.  Records live below /run
and go with a power cut, like what they describe.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import structlog

from eaves.node.host.files import atomic_write, named
from eaves.node.host.kept import KEPT
from eaves.node.network.items import TYPES, NetworkItem
from eaves.reconcile.item import ItemRef

log = structlog.get_logger(__name__)


class Records:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.changes = 0  # since this process began

    def _path(self, ref: ItemRef) -> Path:
        return self._folder / ref.kind / f"{quote(ref.name, safe='')}.json"

    def put(self, item: NetworkItem) -> None:
        self.changes += 1
        atomic_write(self._path(item.ref), msgspec.json.encode(item))

    def drop(self, ref: ItemRef) -> None:
        self.changes += 1
        self._path(ref).unlink(missing_ok=True)

    def get(self, ref: ItemRef) -> NetworkItem | None:
        return self._read(self._path(ref), ref.kind)

    def all(self) -> Iterator[NetworkItem]:
        for kind in TYPES:
            folder = self._folder / kind
            for name in named(folder, ".json"):
                item = self._read(folder / name, kind)
                if item is not None:
                    yield item

    @staticmethod
    def _read(path: Path, kind: str) -> NetworkItem | None:
        try:
            return KEPT.read(path, TYPES[kind])
        except msgspec.MsgspecError as error:
            # Written by another release: the item is made again over what is there.
            log.warning("network_record_unreadable", path=str(path), error=str(error))
            return None
