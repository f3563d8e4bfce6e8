"""Machines that are really there, and those that ended by themselves.

An ended or half-made one is reported under an incarnation that nobody wishes, so that the plan
takes its remains away first; the fault says when that may happen.
"""

from dataclasses import replace
from datetime import timedelta

from eaves.ids import AppInstanceId
from eaves.node import refs
from eaves.node.domains.items import NOT_RUNNING, Domain, Firmware
from eaves.node.domains.workshop import Workshop
from eaves.node.host.workloads import Ended, Run, await_exit, describe_code
from eaves.reconcile.item import Fault, Item, ItemRef, Observation


def see(workshop: Workshop, boot_retry: timedelta) -> Observation:
    present: dict[ItemRef, Item] = {}
    faults: dict[ItemRef, Fault] = {}
    for app in workshop.known_apps():
        ref = refs.domain(app)
        recorded, run = workshop.recorded(app), workshop.run_of(app)
        if recorded is not None and run is not None and run.alive:
            present[ref] = recorded
            continue
        present[ref] = replace(recorded or _unknown(app), incarnation=NOT_RUNNING)
        if recorded is not None and run is not None:
            ended = await_exit(workshop.exit_file(app), workshop.keeper_pid_file(app))
            faults[ref] = ended_fault(run, ended, boot_retry)
    return Observation(present, faults)


def ended_fault(run: Run, ended: Ended | None, boot_retry: timedelta) -> Fault:
    """Code 0 is the guest's own power-off; another one is the emulator's or a signal's."""
    at = ended.at if ended else run.started_at
    retry_at = at + boot_retry
    if ended is None:
        what = "QEMU ended with an unknown code, as its keeper died with it,"
    elif ended.code == 0:
        what = "guest powered off"
    else:
        what = f"QEMU ended with {describe_code(ended.code)}"
    text = f"{what} at {at:%Y-%m-%d %H:%M:%S} UTC; restarts at {retry_at:%H:%M:%S} UTC"
    return Fault(text, at, retry_at=retry_at)


def _unknown(app: AppInstanceId) -> Domain:
    """Stands for run state without a readable record."""
    return Domain(app, 0, NOT_RUNNING, 0, 0, Firmware.BIOS, (), ())
