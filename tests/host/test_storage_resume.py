"""A large download that is cut again and again, the node process killed among the cuts.

Run as a program, this file is the node: it brings the items of a JSON file to a vault.
"""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from support.datastore import Cut, datastore

from eaves.ids import ContentTreeId, DatastoreId
from eaves.node.storage.items import ContentTree, Source
from eaves.node.storage.subsystem import StorageSubsystem
from eaves.reconcile.apply import Reconciler
from eaves.reconcile.report import Report

TREE = ContentTreeId("11111111-1111-1111-1111-111111111111")
SIZE = 320 * 1024**2
CUTS = 10


async def bring(vault: Path, items: list[ContentTree]) -> Report:
    storage = StorageSubsystem(vault, lambda: datetime.now(UTC))
    reconciler = Reconciler(storage.configurators(), lambda: datetime.now(UTC))
    reconciler.observed(storage.kinds, await storage.observe())
    reconciler.intend({item.ref: item for item in items})
    return await reconciler.settle()


class Saboteur:
    """Ends transfers as they pass certain bytes: by closing the connection, or by SIGKILL."""

    def __init__(self, marks: list[int]) -> None:
        self.marks = marks
        self.node: subprocess.Popen[bytes] | None = None
        self.cuts = self.kills = 0
        self._lock = threading.Lock()

    def before_chunk(self, served: int, size: int) -> None:
        with self._lock:
            if not self.marks or served < self.marks[0]:
                return
            self.marks.pop(0)
            if (self.cuts + self.kills) % 2:
                assert self.node is not None
                os.kill(self.node.pid, signal.SIGKILL)
                self.node.wait()
                self.kills += 1
            else:
                self.cuts += 1
            raise Cut


@pytest.mark.host
def test_ten_cuts_refetch_less_than_one_percent(tmp_path: Path) -> None:
    content = os.urandom(1024**2) * (SIZE // 1024**2)
    digest = hashlib.sha256(content).hexdigest()
    saboteur = Saboteur([SIZE * n // (CUTS + 1) for n in range(1, CUTS + 1)])
    with datastore({"/disk.img": content}) as store:
        store.before_chunk = saboteur.before_chunk
        item = ContentTree(
            TREE, 1, "disk.img", "RAW", digest, SIZE, (Source(DatastoreId("d"), "http", store.url),)
        )
        (tmp_path / "items.json").write_bytes(msgspec.json.encode([item]))
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        starts = 0
        while True:
            starts += 1
            assert starts <= CUTS + 1
            argv = [sys.executable, __file__, str(tmp_path / "vault"), str(tmp_path / "items.json")]
            with subprocess.Popen(argv, env=env) as node:
                saboteur.node = node
            if node.returncode == 0:
                break
            assert node.returncode == -signal.SIGKILL
        assert (saboteur.cuts, saboteur.kills) == (CUTS - CUTS // 2, CUTS // 2)
        again = store.served - SIZE
        print(f"{SIZE} bytes, {CUTS} cuts, {again} bytes again ({again / SIZE:.4%})")  # noqa: T201 - the figure is evidence
        assert 0 <= again < SIZE // 100
    blob = tmp_path / "vault" / "blobs" / "sha256" / digest
    assert hashlib.sha256(blob.read_bytes()).hexdigest() == digest


if __name__ == "__main__":
    wanted = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=list[ContentTree])
    missing = asyncio.run(bring(Path(sys.argv[1]), wanted)).unmet()
    sys.exit(1 if missing else 0)
