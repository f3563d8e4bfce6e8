"""What `eaves node status` shows on the spot: written by the node, read without it."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.process import ProcessId, alive
from eaves.node.runtime.reports import app_parts
from eaves.node.runtime.wish import Wish
from eaves.reconcile.report import Report

STATUS_FILE = "status.json"


def unmet(report: Report, wish: Wish | None) -> list[dict[str, Any]]:
    """Every intention that is not met, each with its chain of causes."""
    found: list[dict[str, Any]] = [
        {
            "item": str(status.ref),
            "state": str(status.state),
            "why": [cause.text for cause in report.why(status.ref)],
            "attempts": status.fault.attempts if status.fault else 0,
            "retry_at": _time(status.fault.retry_at if status.fault else None),
        }
        for status in report.unmet()
    ]
    refusals = wish.refusals if wish else {}
    found += [
        {"item": k, "state": "refused", "why": [text]} for k, text in sorted(refusals.items())
    ]
    if wish:
        found += [
            {"item": str(r.ref), "state": "refused", "why": [r.text]} for r in wish.storage.refusals
        ]
    return found


def apps(wish: Wish | None, report: Report, states: Mapping[str, str]) -> list[dict[str, Any]]:
    if wish is None:
        return []
    return [
        {
            "id": app.app,
            "name": app.config.displayname,
            "kind": "container" if app.app in wish.containers else "virtual machine",
            "wanted": "running" if app.activate else "stopped",
            "state": states.get(app.app, ""),
            "why": [cause.text for cause in report.why(app_parts(app, wish).workload)],
        }
        for app in wish.apps
    ]


def write_status(run_dir: Path, status: Mapping[str, Any]) -> None:
    run_dir.mkdir(parents=True, exist_ok=True)
    atomic_write(run_dir / STATUS_FILE, json.dumps(status, indent=1).encode(), 0o600)


def read_status(run_dir: Path) -> dict[str, Any] | None:
    data = read_or_none(run_dir / STATUS_FILE)
    if data is None:
        return None
    status = json.loads(data)
    process = status.get("process") or {}
    status["running"] = alive(ProcessId(int(process.get("pid", 0)), int(process.get("start", 0))))
    return dict(status)


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
