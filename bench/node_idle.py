"""Memory and processor time of a node with 20 apps to which nothing happens (root).

The node of `eaves demo`, asked to poll and to send its figures every 10 s; it has a machine and 19
containers.  Counted is its own process, its memory at the end.
"""

import json
import os
import time
from pathlib import Path
from typing import Final

from support.demo_node import FIRST_APPS, apply, container, demonstration, node_pid
from support.row import finish

from eaves.cli.demo.scene import Scene

APPS: Final = 20
MEMORY_KIB: Final = 16384  # of each
SETTLE_S, MEASURED_S = 30.0, 120.0
MEMORY_LIMIT_MB, CPU_LIMIT = 110.0, 0.02
DEVICE = """
kind: device
name: demo-node
title: The node of the demo
project: first-light
model: small-computer
serialno: DEMO-0001
interfaces:
  - intfname: eth0
    intfUsage: ADAPTER_USAGE_MANAGEMENT
    netname: uplink
configItem:
  - {key: timer.config.interval, stringValue: "10"}
  - {key: timer.metric.interval, stringValue: "10"}
"""


def bring(scene: Scene) -> None:
    """All apps run, and the node is as it then stays."""
    names = [f"idle-{number}" for number in range(APPS - FIRST_APPS)]
    apply(scene, "device.yaml", DEVICE)
    apply(scene, "idle.yaml", "---".join(container(name, MEMORY_KIB) for name in names))
    for name in names:
        scene.eaves("wait", "instance", name, "--timeout", "60")
    time.sleep(SETTLE_S)


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    resident = next(line for line in lines if line.startswith("VmRSS:"))
    return int(resident.split()[1]) / 1024


def main() -> int:
    if os.geteuid() != 0:
        print(json.dumps({"name": "node-idle", "skipped": "needs root"}))
        return 0
    with demonstration() as scene:
        bring(scene)
        pid = node_pid()
        before, begun = cpu_s(pid), time.monotonic()
        time.sleep(MEASURED_S)
        share = (cpu_s(pid) - before) / (time.monotonic() - begun)
        memory = memory_mb(pid)
    return finish(
        {
            "name": "node-idle",
            "apps": APPS,
            "rss_mb": round(memory, 1),
            "rss_limit_mb": MEMORY_LIMIT_MB,
            "cpu_share": round(share, 4),
            "limit": CPU_LIMIT,
            "met": memory <= MEMORY_LIMIT_MB and share <= CPU_LIMIT,
            "generator_ok": True,  # nothing is sent
        }
    )


if __name__ == "__main__":
    raise SystemExit(main())
