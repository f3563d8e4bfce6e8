"""`eaves node status` for a person.  Pure."""

from collections.abc import Iterable
from datetime import datetime

from eaves.node.runtime.status_file import AppStatus, ControllerStatus, NodeStatus, Unmet


def status_text(seen: NodeStatus, *, running: bool) -> str:
    device, controller = seen.device, seen.controller
    state = "running" if running else "NOT RUNNING, apps go on without it"
    lines = [
        f"node        {state} ({seen.version}, as of {seen.at})",
        f"identity    {device.uuid or 'not onboarded yet'}",
        f"            name {device.name or '-'}, serial {device.serial or '-'}",
        f"            {device.keys or 'keys not known yet'}",
        f"            {device.vault or 'vault not known yet'}",
        *((f"system      {device.system}",) if device.system else ()),
        f"started     {device.boot}; {device.restarts} starts so far",
        f"controller  {controller.url}  {controller.phase}",
        f"            last answer {controller.last_success or 'never'}",
        f"            {attestation_text(controller, seen.at)}",
    ]
    problem = controller.waiting_for or controller.problem
    if problem:
        lines.append(f"            problem: {problem}")
    for port in seen.ports:
        up = "up" if port.up else "DOWN"
        addresses = ", ".join(port.addresses) or "no address"
        lines.append(f"port        {port.label} ({port.ifname}) {up}, {addresses}")
    lines += _apps(seen.apps)
    lines += _unmet(seen.unmet)
    return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines)


def attestation_text(seen: ControllerStatus, at: str) -> str:
    """As "attested 4 min ago", and what failed since; `at` is the time of the status."""
    state = seen.attestation.removeprefix("ATTESTATION_STATE_").lower().replace("_", " ")
    before = f"attested {_age(seen.attested_at, at)} ago" if seen.attested_at else "never attested"
    if seen.attestation_error:
        return f"NOT attested: {seen.attestation_error} ({before})"
    return before if state == "complete" else f"attesting ({state}), {before}"


def _age(since: str, at: str) -> str:
    seconds = (datetime.fromisoformat(at) - datetime.fromisoformat(since)).total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _apps(apps: Iterable[AppStatus]) -> Iterable[str]:
    for app in apps:
        yield f"app         {app.name} ({app.kind}) wanted {app.wanted}, is {app.state or '-'}"


def _unmet(unmet: list[Unmet]) -> Iterable[str]:
    yield "intentions  all met" if not unmet else f"intentions  {len(unmet)} not met:"
    for one in unmet:
        yield f"  {one.item}: {one.state}"
        yield from (f"    because {text}" for text in one.why)
        if one.retry_at:
            yield f"    tried {one.attempts} times, again at {one.retry_at}"
