"""Containers that are really there, and those that ended by themselves.

An ended or half-made one is reported under an incarnation that nobody wishes, so that the plan
takes its remains away first; the fault says when that may happen.
"""

from dataclasses import replace
from datetime import timedelta

from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.containers.items import NOT_RUNNING, Container, Mount
from eaves.node.containers.workshop import Workshop
from eaves.node.host.workloads import Ended, await_exit, describe_code
from eaves.reconcile.item import Fault, Item, ItemRef, Observation


def see(workshop: Workshop, boot_retry: timedelta) -> Observation:
    present: dict[ItemRef, Item] = {}
    faults: dict[ItemRef, Fault] = {}
    for app in workshop.known_apps():
        ref = refs.container(app)
        recorded, run = workshop.recorded(app), workshop.run_of(app)
        if recorded is not None and run is not None and run.alive:
            present[ref] = recorded
            continue
        present[ref] = replace(recorded or _unknown(app), incarnation=NOT_RUNNING)
        if recorded is not None and run is not None:
            bundle = workshop.bundle(app)
            ended = await_exit(bundle.exit_file, bundle.keeper_pid_file)
            faults[ref] = _fault(workshop, app, ended, boot_retry)
    return Observation(present, faults)


def _fault(
    workshop: Workshop, app: AppInstanceId, ended: Ended | None, boot_retry: timedelta
) -> Fault:
    run = workshop.run_of(app)
    at = ended.at if ended else (run.started_at if run else workshop.clock())
    retry_at = at + boot_retry
    what = describe_code(ended.code) if ended else "an unknown code: its keeper died with it"
    oom = " after reaching its memory limit" if workshop.bundle(app).oom_file.exists() else ""
    text = (
        f"container exited with {what}{oom} at {at:%Y-%m-%d %H:%M:%S} UTC; "
        f"restarts at {retry_at:%H:%M:%S} UTC, see its log"
    )
    return Fault(text, at, retry_at=retry_at)


def _unknown(app: AppInstanceId) -> Container:
    """Stands for run state without a readable record."""
    nothing = Mount(VolumeId(""), 0, "/")
    return Container(app, 0, NOT_RUNNING, 0, 0, nothing, (), 0)
