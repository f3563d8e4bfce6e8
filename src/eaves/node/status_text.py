"""`eaves node status` for a person.  Pure."""

from collections.abc import Iterable

from eaves.node.runtime.status_file import AppStatus, NodeStatus, Unmet


def status_text(seen: NodeStatus, *, running: bool) -> str:
    device, controller = seen.device, seen.controller
    state = "running" if running else "NOT RUNNING, apps go on without it"
    lines = [
        f"node        {state} ({seen.version}, as of {seen.at})",
        f"identity    {device.uuid or 'not onboarded yet'}",
        f"            name {device.name or '-'}, serial {device.serial or '-'}",
        f"started     {device.boot}; {device.restarts} starts so far",
        f"controller  {controller.url}  {controller.phase}",
        f"            last answer {controller.last_success or 'never'}",
        f"            attestation {controller.attestation.removeprefix('ATTESTATION_STATE_')}",
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
    return "\n".join(lines)


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
