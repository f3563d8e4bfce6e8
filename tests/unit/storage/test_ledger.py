"""The books of space are read while downloads come and go."""

import threading
from pathlib import Path

from eaves.node.storage.ledger import Ledger
from eaves.node.storage.records import Layout
from eaves.node.storage.settings import StorageSettings


def test_space_is_counted_while_downloads_end(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.make()
    kept = layout.downloads / "kept.part"
    kept.write_bytes(bytes(100_000))
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            parts = [layout.downloads / f"{n}.part" for n in range(50)]
            for part in parts:
                part.touch()
            for part in parts:
                part.rename(layout.blobs / part.stem)

    downloads = threading.Thread(target=come_and_go)
    downloads.start()
    try:
        ledger = Ledger(layout, StorageSettings)
        seen = [ledger.usage().ours for _ in range(300)]
    finally:
        ended.set()
        downloads.join()
    assert min(seen) >= kept.stat().st_blocks * 512 > 0
