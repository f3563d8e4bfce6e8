"""Fail-over of a node's control traffic between two uplinks (network namespaces, real DHCP).

While a wait for changes is idle, the first uplink loses its carrier, or keeps it and swallows all
packets.  Counted is the time until the wait stands again over the other uplink.  Limits: 3 s and
15 s, the worst of three runs each.
"""

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

# `support` is one package of two folders; that of the benches comes first
sys.path.append(str(Path(__file__).parent.parent / "tests"))

from support import netns, two_uplinks
from support.ports import adapter, config
from support.row import finish, work_folder

RUNS: Final = 3
CARRIER_S, SILENT_S = 3.0, 15.0
TWO: Final = config(adapter("eth0"), adapter("eth1", cost=1))


async def once(folder: Path, cut: Callable[[two_uplinks.Sites], None]) -> float:
    with two_uplinks.sites(folder) as sites, netns.inside(sites.node), _run_dir(sites) as run_dir:
        async with (
            two_uplinks.controller(sites) as controller,
            two_uplinks.running(run_dir, frozenset(two_uplinks.PORTS)) as node,
        ):
            node.uplinks.follow(TWO, node.properties)
            await two_uplinks.until(
                lambda: (
                    len(node.uplinks.seen.ports) == 2
                    and all(p.sources for p in node.uplinks.seen.ports)
                )
            )
            return await _resumed(sites, controller, node, cut)


@contextlib.contextmanager
def _run_dir(sites: two_uplinks.Sites) -> Generator[Path]:
    made = Path(f"/run/{sites.node}")
    made.mkdir()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


async def _resumed(
    sites: two_uplinks.Sites,
    controller: two_uplinks.Controller,
    node: two_uplinks.Node,
    cut: Callable[[two_uplinks.Sites], None],
) -> float:
    async with asyncio.TaskGroup() as tasks:
        wait = tasks.create_task(node.ask(two_uplinks.WAIT), name="wait")
        await two_uplinks.until(lambda: controller.waiting == 1)
        begun = time.monotonic()
        cut(sites)
        await two_uplinks.until(lambda: controller.waiting == 2, 60)
        seconds = time.monotonic() - begun
        wait.cancel()
    return seconds


def main() -> int:
    with work_folder() as folder:
        carrier = [asyncio.run(once(folder, lambda s: s.cut(0))) for _ in range(RUNS)]
        silent = [asyncio.run(once(folder, lambda s: s.swallow(0))) for _ in range(RUNS)]
    return finish(
        {
            "name": "node-failover",
            "carrier_lost_s": round(max(carrier), 2),
            "carrier_lost_limit_s": CARRIER_S,
            "silent_drop_s": round(max(silent), 2),
            "silent_drop_limit_s": SILENT_S,
            "met": max(carrier) <= CARRIER_S and max(silent) <= SILENT_S,
            "generator_ok": True,
        }
    )


if __name__ == "__main__":
    raise SystemExit(main())
