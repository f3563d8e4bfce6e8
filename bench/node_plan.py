"""The plan for one more rule on a node with 50 apps, 20 network instances and 500 rules.

From a configuration to the steps that may start: what of each app is in force, counters and
numbers on disk, every item of every part, and the comparison with what is there.  The median of
several changes.
"""

import asyncio
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.network_node import TABLE, device
from support.networks import APPS, NETWORKS, RULES, changed, site
from support.row import finish, work_folder

from eaves.evapi.config import CipherBlock, EdgeDevConfig, EncryptionBlock
from eaves.node.checkpoint import Checkpoint
from eaves.node.refs import Port
from eaves.node.runtime.engine import Engine, Surroundings
from eaves.reconcile.item import Observation

RUNS: Final = 9
LIMIT_MS: Final = 100.0
PORT: Final = Port(
    "eth0",
    "eth0",
    up=True,
    mac="02:00:00:00:00:01",
    mtu=1500,
    addresses=("198.51.100.2/24",),
    gateways=("198.51.100.1",),
    dns_servers=("198.51.100.1",),
    management=True,
    labels=frozenset({"all", "uplink", "freeuplink"}),
)


async def ports(_config: EdgeDevConfig) -> tuple[Port, ...]:
    return (PORT,)


def no_secret(_block: CipherBlock) -> EncryptionBlock:
    raise NotImplementedError  # no app here has one


async def measure(folder: Path) -> list[float]:
    networks, apps = site()
    checkpoint = Checkpoint(folder)
    around = Surroundings(ports, no_secret, TABLE)
    engine = Engine(checkpoint, (), around, lambda: datetime.now(UTC), lambda: None)
    taken: list[float] = []
    try:
        await engine.follow(device(networks, apps))
        for times in range(RUNS):
            there = engine.reconciler.intended
            engine.reconciler.observed(frozenset(r.kind for r in there), Observation(there, {}))
            config = device(networks, changed(apps, times))
            begun = time.perf_counter()
            await engine.follow(config)
            steps = engine.reconciler.plan().steps
            taken.append((time.perf_counter() - begun) * 1000)
            if len(steps) != 1:
                raise SystemExit(f"run {times}: {[str(s.ref) for s in steps]} instead of one step")
    finally:
        checkpoint.close()
    return taken


def main() -> int:
    with work_folder() as folder:
        taken = asyncio.run(measure(folder))
    print(f"  {[round(ms, 1) for ms in taken]} ms", file=sys.stderr)
    median = statistics.median(taken)
    told = {
        "name": "node-plan",
        "apps": APPS,
        "network_instances": NETWORKS,
        "rules": RULES,
        "plan_ms": round(median, 1),
        "limit_ms": LIMIT_MS,
        "met": median <= LIMIT_MS,
        "generator_ok": True,  # nothing is sent
    }
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(main())
