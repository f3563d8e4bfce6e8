"""Why is this not as it should be?  A chain of causes that ends in a fact somebody can act on.

The first cause is the nearest to the object, the last one is where to look.  Nothing is guessed:
each link is something that the device reported, that rendering lacked, or that was never asked for.
A device that is not heard comes last: nothing else goes on before it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from eaves.controller.domain.app_status import AppReports, Holder
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.render.apps import RUNNING_STATES
from eaves.controller.domain.status.liveness import Contact, Liveness, in_words
from eaves.evapi.info import (
    ErrorInfo,
    Severity,
    ZDeviceState,
    ZInfoContentTree,
    ZInfoDevice,
    ZInfoNetworkInstance,
    ZInfoVolume,
    ZNetworkInstanceState,
    ZSwState,
)

DOWNLOADING = frozenset(
    {ZSwState.INITIAL, ZSwState.RESOLVING_TAG, ZSwState.RESOLVED_TAG, ZSwState.DOWNLOAD_STARTED}
)
READY = frozenset({ZSwState.DELIVERED, ZSwState.LOADED, ZSwState.CREATED_VOLUME})


@dataclass(frozen=True, slots=True)
class Cause:
    """`what` was seen; `then` is the next step, empty where it goes on by itself."""

    what: str
    then: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """What one rule of an app kept away lately; rule 0 is that no rule allowed it."""

    rule: int
    name: str
    connections: int
    remote: str  # the one that was denied most, and its port
    port: int


@dataclass(frozen=True, slots=True)
class Why:
    """`met`: it is as it should be, and `causes` says what speaks for it."""

    subject: str
    met: bool
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class DeviceFacts:
    """What the controller knows beside the reports of a device."""

    missing: tuple[str, ...] = ()
    attestation_required: bool = False
    attested: bool = False
    attestation_detail: str = ""
    attested_at: datetime | None = None
    attestation_stale: bool = False
    now: datetime | None = None
    unclaimed: tuple[str, ...] = ()  # serials that knocked and have no record


def why_device(
    device: DeviceConfig, alive: Liveness, info: ZInfoDevice | None, facts: DeviceFacts
) -> Why:
    subject = f"device {device.name}"
    causes: list[Cause] = []
    if alive.contact is Contact.ALIVE and info is not None and info.maintenance_mode:
        reasons = ", ".join(
            r.name.removeprefix("MAINTENANCE_MODE_REASON_").lower()
            for r in (info.maintenance_mode_reasons or (info.maintenance_mode_reason,))
        )
        causes.append(Cause(f"the device is in maintenance mode: {reasons}"))
    elif alive.contact is Contact.ALIVE and info is None:
        causes.append(Cause("the device polls but has not described itself yet"))
    elif info is not None and info.state is ZDeviceState.ZDEVICE_STATE_REBOOTING:
        causes.append(Cause("the device is rebooting"))
    if facts.attestation_required and not facts.attested:
        causes.append(
            Cause(
                f"the project enforces attestation: {facts.attestation_detail or 'no quote yet'}",
                "configuration is withheld until a quote is accepted",
            )
        )
    elif facts.attestation_stale and facts.attested_at and facts.now:
        age = in_words(facts.now - facts.attested_at)
        causes.append(
            Cause(
                f"its last attestation is {age} old, which says little of now",
                f"let it attest again: eaves attestation renew {device.name}",
            )
        )
    if info is not None:
        causes += _errors(e for a in info.assignable_adapters for e in (a.err,))
        for slot in info.sw_list:
            told = _errors((slot.sw_err,), f"base OS {slot.short_version}")
            # The end of its log follows; that is in the status of the device.
            causes += (replace(one, what=one.what.partition("\n")[0]) for one in told)
    causes += [Cause(text) for text in facts.missing]
    if device.admin_state not in RUNNING_STATES:
        causes.append(_not_activated(device))
    causes += _contact(device, alive, facts.unclaimed)
    if causes:
        return Why(subject, met=False, causes=tuple(causes))
    evidence = [Cause(_heard(alive))]
    if facts.attested_at and facts.now:
        evidence.append(Cause(f"attested {in_words(facts.now - facts.attested_at)} ago"))
    return Why(subject, met=True, causes=tuple(evidence))


def _heard(alive: Liveness) -> str:
    return f"heard {in_words(alive.silence)} ago"


def _not_activated(device: DeviceConfig) -> Cause:
    return Cause(
        f"device {device.name} is not activated ({device.admin_state})",
        "activate the device; until then it keeps its apps stopped",
    )


def _contact(device: DeviceConfig, alive: Liveness, unclaimed: tuple[str, ...] = ()) -> list[Cause]:
    """Causes that lie between the controller and the device; empty while it is heard."""
    match alive.contact:
        case Contact.ALIVE:
            return []
        case Contact.NEVER_REGISTERED:
            causes = [
                Cause(
                    f"no device with serial {device.serialno!r} has registered yet",
                    "power it on, and check the serial and the configuration folder",
                )
            ]
            if unclaimed:
                causes.append(
                    Cause(
                        f"devices without a record tried with serial {', '.join(unclaimed)}",
                        "if one of them is this device, correct the serial of the record",
                    )
                )
            return causes
        case Contact.REGISTERED:
            return [
                Cause(
                    f"the device registered {in_words(alive.silence)} ago and was not heard since",
                    "look at the device: eaves node status tells without a controller",
                )
            ]
        case Contact.SUSPECT | Contact.SILENT:
            return [
                Cause(
                    f"device {device.name} has been silent for {in_words(alive.silence)}",
                    "check its power and uplink; its apps keep running without the controller",
                    alive.last_seen,
                )
            ]


def why_app(
    instance: AppInstance, holder: Holder, reports: AppReports, denied: Iterable[Denied] = ()
) -> Why:
    """`denied` says what its rules keep away from an app that runs; the rule may be meant so."""
    subject = f"app instance {instance.name}"
    causes: list[Cause] = []
    if not instance.activate:
        causes.append(
            Cause(f"app instance {instance.name} is not activated", "activate the app instance")
        )
    causes += [Cause(text) for text in reports.missing]
    if holder.device.admin_state not in RUNNING_STATES:
        causes.append(_not_activated(holder.device))
    info = reports.info
    running = info is not None and info.state is ZSwState.RUNNING
    deeper = [] if running else _progress(reports.content_trees, reports.volumes)
    told = () if info is None else info.app_err
    # What carries a running app is a notice, and no reason why it should not be as asked for.
    errors = [e for e in told if not (running and e.severity <= Severity.SEVERITY_NOTICE)]
    # An app repeats the error of its image; it is told once, where it belongs.
    causes += [c for c in _errors(errors) if not any(c.what in d.what for d in deeper)]
    contact = _contact(holder.device, holder.alive)
    causes = list({cause.what: cause for cause in (*causes, *deeper, *contact)}.values())
    if running and not causes:
        evidence = (Cause(f"running; {_heard(holder.alive)}"), *map(_denial, denied))
        return Why(subject, met=True, causes=evidence)
    if not causes:
        causes.append(_waiting(subject, info.state if info is not None else None))
    return Why(subject, met=False, causes=tuple(causes))


def _denial(one: Denied) -> Cause:
    count = f"{one.connections} connection{'' if one.connections == 1 else 's'}"
    told = f"{count} within the last hour, most of them with {one.remote}, to port {one.port}"
    if not one.rule:
        return Cause(
            f"no rule allowed {told}",
            "add a rule if the app needs them",
        )
    name = f" ({one.name})" if one.name else ""
    return Cause(
        f"rule {one.rule}{name} denied {told}",
        "change the rule if the app needs them",
    )


def _waiting(subject: str, state: ZSwState | None) -> Cause:
    match state:
        case None:
            return Cause(
                f"the device has not reported {subject} yet; it takes it with its next poll"
            )
        case ZSwState.AWAITNETWORKINSTANCE:
            return Cause(
                "it waits for a network instance", "ask why of the network instances it is on"
            )
        case ZSwState.START_DELAYED:
            return Cause("its start is delayed, as its configuration asks")
        case _:
            return Cause(f"the device reports {state.name.lower().replace('_', ' ')}")


def _progress(trees: Iterable[ZInfoContentTree], volumes: Iterable[ZInfoVolume]) -> list[Cause]:
    """What is still on its way, then the errors that hold it up; a volume repeats its image's."""
    states: list[Cause] = []
    errors: list[Cause] = []
    seen: set[str] = set()
    for tree in trees:
        errors += _errors((tree.err,), about=f"image {tree.display_name}")
        seen.add(tree.err.description if tree.err else "")
        if tree.state in DOWNLOADING:
            states.append(
                Cause(f"image {tree.display_name} is downloading: {tree.progress_percentage} %")
            )
        elif tree.state not in READY:
            states.append(Cause(f"image {tree.display_name} is {tree.state.name.lower()}"))
    for volume in volumes:
        if volume.volume_err is not None and volume.volume_err.description not in seen:
            errors += _errors((volume.volume_err,), about=f"volume {volume.display_name}")
        if volume.state == ZSwState.CREATING_VOLUME:
            states.append(Cause(f"volume {volume.display_name} is being created"))
    return states + errors


def _errors(errors: Iterable[ErrorInfo | None], about: str = "") -> list[Cause]:
    return [
        Cause(
            f"{about}: {error.description}" if about else error.description,
            error.retry_condition,
            error.timestamp,
        )
        for error in errors
        if error is not None and error.description
    ]


def why_netinst(netinst: NetInstConfig, holder: Holder, info: ZInfoNetworkInstance | None) -> Why:
    subject = f"network instance {netinst.name}"
    causes = [] if info is None else _errors(info.network_err)
    causes += _contact(holder.device, holder.alive)
    online = info is not None and (
        info.state is ZNetworkInstanceState.ZNETINST_STATE_ONLINE
        or (info.activated and info.state is ZNetworkInstanceState.ZNETINST_STATE_UNSPECIFIED)
    )
    if online and not causes:
        return Why(subject, met=True, causes=(Cause(f"online; {_heard(holder.alive)}"),))
    if not causes:
        causes.append(
            _waiting(subject, None)
            if info is None
            else Cause("the device is still setting it up", "look at the ports it is on")
        )
    return Why(subject, met=False, causes=tuple(causes))


def why_volume(
    volume: VolInstConfig,
    holder: Holder,
    info: ZInfoVolume | None,
    content_tree: ZInfoContentTree | None,
) -> Why:
    subject = f"volume instance {volume.name}"
    trees = () if content_tree is None else (content_tree,)
    ready = info is not None and info.state is ZSwState.CREATED_VOLUME
    causes = [] if ready else _progress(trees, () if info is None else (info,))
    causes += _contact(holder.device, holder.alive)
    if ready and not causes:
        return Why(subject, met=True, causes=(Cause(f"ready; {_heard(holder.alive)}"),))
    if not causes:
        causes.append(_waiting(subject, info.state if info is not None else None))
    return Why(subject, met=False, causes=tuple(causes))
