"""What `eaves node status` shows on the spot: written by the node, read without it."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.process import ProcessId, alive
from eaves.node.runtime.reports import app_parts
from eaves.node.runtime.wish import Wish
from eaves.reconcile.report import Report

STATUS_FILE = "status.json"


class DeviceStatus(msgspec.Struct, frozen=True):
    uuid: str = ""
    name: str = ""
    serial: str = ""
    state: str = ""
    boot: str = ""  # how this start came about
    restarts: int = 0
    keys: str = ""  # where they are, or what is wrong with their TPM
    system: str = ""  # the slots of an OS image; empty: the host's own operating system
    vault: str = ""  # open, locked and why, or why there is none
    screen: bool = True  # the console may be shown there
    serial_line: bool = True
    console_level: str = "info"  # how much the console says of itself


class ControllerStatus(msgspec.Struct, frozen=True):
    url: str = ""
    phase: str = ""
    waiting_for: str = ""
    problem: str = ""
    last_success: str | None = None
    config_received: str | None = None
    config_hash: str = ""
    attestation: str = ""
    attested_at: str | None = None  # of the last proof that was accepted
    attestation_error: str = ""
    messages_waiting: int = 0


class PortStatus(msgspec.Struct, frozen=True):
    label: str
    ifname: str
    up: bool
    addresses: list[str]


class AppStatus(msgspec.Struct, frozen=True):
    id: str
    name: str
    kind: str
    wanted: str
    state: str
    why: list[str]


class Unmet(msgspec.Struct, frozen=True):
    """One intention that is not met, with its chain of causes."""

    item: str
    state: str
    why: list[str]
    attempts: int = 0
    retry_at: str | None = None


class NodeStatus(msgspec.Struct, frozen=True):
    at: str
    version: str
    pid: int
    start_ticks: int
    device: DeviceStatus
    controller: ControllerStatus
    ports: list[PortStatus]
    apps: list[AppStatus]
    unmet: list[Unmet]
    steps: int = 0  # that the reconciler started since this process began


def unstarted(
    at: datetime, version: str, me: ProcessId | None, server: str, why: str
) -> NodeStatus:
    """Of a node that does not find its keys: it cannot say more of itself."""
    return NodeStatus(
        at=at.isoformat(timespec="seconds"),
        version=version,
        pid=me.pid if me else 0,
        start_ticks=me.start_ticks if me else 0,
        device=DeviceStatus(keys=why),
        controller=ControllerStatus(
            url=server, problem="it was not asked: this node does not find its keys"
        ),
        ports=[],
        apps=[],
        unmet=[],
    )


def unmet(report: Report, wish: Wish | None) -> list[Unmet]:
    found = [
        Unmet(
            str(status.ref),
            str(status.state),
            [cause.text for cause in report.why(status.ref)],
            status.fault.attempts if status.fault else 0,
            _time(status.fault.retry_at if status.fault else None),
        )
        for status in report.unmet()
    ]
    if wish is not None:
        found += [Unmet(k, "refused", [text]) for k, text in sorted(wish.refusals.items())]
        found += [Unmet(str(r.ref), "refused", [r.text]) for r in wish.storage.refusals]
    return found


def app_statuses(wish: Wish | None, report: Report, states: Mapping[str, str]) -> list[AppStatus]:
    return [
        AppStatus(
            id=app.app,
            name=app.config.displayname,
            kind="container" if app.app in wish.containers else "virtual machine",
            wanted="running" if app.activate else "stopped",
            state=states.get(app.app, ""),
            why=[cause.text for cause in report.why(app_parts(app, wish).workload)],
        )
        for app in (wish.apps if wish else ())
        if wish is not None
    ]


def write_status(run_dir: Path, status: NodeStatus) -> None:
    atomic_write(run_dir / STATUS_FILE, msgspec.json.encode(status), 0o600)


def read_status(run_dir: Path) -> NodeStatus | None:
    """None when no node wrote one since the machine was started."""
    data = read_or_none(run_dir / STATUS_FILE)
    return None if data is None else msgspec.json.decode(data, type=NodeStatus)


def is_running(status: NodeStatus) -> bool:
    return alive(ProcessId(status.pid, status.start_ticks))


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
