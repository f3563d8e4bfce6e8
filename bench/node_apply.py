"""One more rule for an app of a node with 50 apps, 20 network instances and 500 rules (root).

`plan_ms` is the time from a configuration to what the network is to be made of; `apply_ms` that
from there to the last command that had to be given; both are medians.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Final, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support import netns
from support.network_node import TABLE, allocations, device
from support.networks import APPS, NETWORKS, RULES, changed, running, site
from support.row import finish

from eaves.node.network.intent import intent
from eaves.node.network.refusals import Facts
from eaves.reconcile.graph import graph_of
from eaves.reconcile.item import Item

RUNS: Final = 7
PLAN_LIMIT_MS, APPLY_LIMIT_MS = 100.0, 300.0


async def main() -> int:
    if os.geteuid() != 0:
        print(json.dumps({"name": "node-apply", "skipped": "needs root"}))
        return 0
    plan_ms: list[float] = []
    apply_ms: list[float] = []
    networks, apps = site()
    with netns.node_behind_uplink() as uplink, netns.inside(uplink.node):
        async with running(uplink.node) as node:
            await node.bring(networks, apps)
            for times in range(RUNS):
                now = changed(apps, times)
                config = device(networks, now)
                ports = await node.subsystem.ports(config)
                places = allocations(config, now)
                begun = time.perf_counter()
                node.items, _ = intent(
                    config,
                    tuple(now),
                    places,
                    ports,
                    containers={a.app for a in now},
                    table=TABLE,
                    facts=Facts(node.subsystem.known_tracking, node.chosen),
                )
                planned = time.perf_counter()
                steps = node.reconciler.steps_run
                node.reconciler.intend(graph_of(cast("tuple[Item, ...]", node.items)))
                report = await node.reconciler.settle()
                done = time.perf_counter()
                if report.unmet() or node.reconciler.steps_run != steps + 1:
                    raise SystemExit(
                        f"run {times}: {node.reconciler.steps_run - steps} steps instead of one, "
                        f"unmet: {report.unmet()}"
                    )
                plan_ms.append((planned - begun) * 1000)
                apply_ms.append((done - planned) * 1000)
    print(f"  plan {plan_ms}\n  apply {apply_ms}", file=sys.stderr)
    plan, apply = statistics.median(plan_ms), statistics.median(apply_ms)
    told = {
        "name": "node-apply",
        "apps": APPS,
        "network_instances": NETWORKS,
        "rules": RULES,
        "plan_ms": round(plan, 1),
        "plan_limit_ms": PLAN_LIMIT_MS,
        "apply_ms": round(apply, 1),
        "limit_ms": APPLY_LIMIT_MS,
        "met": plan <= PLAN_LIMIT_MS and apply <= APPLY_LIMIT_MS,
        "generator_ok": True,  # nothing is sent
    }
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
