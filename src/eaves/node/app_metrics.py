"""What a running app uses, as the controller is told of it: machine or container alike.  Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from eaves.evapi.metrics import (
    AppCpuMetric,
    AppDiskMetric,
    AppMemoryMetric,
    AppMetric,
    MemoryMetric,
    NetworkMetric,
)
from eaves.node.host.cgroups import Usage
from eaves.node.host.workloads import Run
from eaves.node.refs import AppInForce

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AppFacts:
    """Of a running app."""

    run: Run
    usage: Usage | None
    memory_limit_bytes: int  # 0: none


def app_metric(
    app: AppInForce,
    facts: AppFacts | None,
    network: Sequence[NetworkMetric] = (),
    disks: Sequence[AppDiskMetric] = (),
) -> AppMetric:
    """`network` from the app's view."""
    version = app.config.uuidandversion.version if app.config.uuidandversion else ""
    usage = facts.usage if facts else None
    if facts is None or usage is None:
        return AppMetric(app_id=app.app, app_version=version, app_name=app.config.displayname)
    limit = facts.memory_limit_bytes or usage.memory_bytes
    # The emulator's own share of a machine is counted too: it may pass the guest's memory.
    share = min(100.0, 100.0 * usage.memory_bytes / limit) if limit else 0.0
    return AppMetric(
        app_id=app.app,
        app_version=version,
        app_name=app.config.displayname,
        cpu=AppCpuMetric(
            up_time=facts.run.started_at,
            total=usage.cpu_ns // 1_000_000_000,
            total_ns=usage.cpu_ns,
        ),
        memory=MemoryMetric(
            used_mem=usage.memory_bytes // MIB,
            avail_mem=max(0, limit - usage.memory_bytes) // MIB,
            used_percentage=share,
            avail_percentage=100.0 - share,
        ),
        network=tuple(network),
        disk=tuple(disks),
        app_memory=AppMemoryMetric(
            allocated_mb=facts.memory_limit_bytes // MIB, used_mb=usage.memory_bytes // MIB
        ),
    )
