"""`eaves node status` for a person.  Pure."""

from collections.abc import Iterable, Mapping
from typing import Any


def status_text(seen: Mapping[str, Any]) -> str:
    device, controller = seen.get("device") or {}, seen.get("controller") or {}
    running = "running" if seen.get("running") else "NOT RUNNING, apps go on without it"
    attested = str(controller.get("attestation", "")).removeprefix("ATTESTATION_STATE_")
    name, serial = device.get("name") or "-", device.get("serial") or "-"
    lines = [
        f"node        {running} ({seen.get('version')}, as of {seen.get('at')})",
        f"identity    {device.get('uuid') or 'not onboarded yet'}  name {name}  serial {serial}",
        f"started     {device.get('boot')}; {device.get('restarts')} starts so far",
        f"controller  {controller.get('url')}  {controller.get('phase')}",
        f"            last answer {controller.get('last_success') or 'never'}",
        f"            attestation {attested}",
    ]
    problem = controller.get("waiting_for") or controller.get("problem")
    if problem:
        lines.append(f"            problem: {problem}")
    for port in seen.get("ports") or []:
        state = "up" if port.get("up") else "DOWN"
        addresses = ", ".join(port.get("addresses") or []) or "no address"
        lines.append(f"port        {port.get('label')} ({port.get('ifname')}) {state}, {addresses}")
    lines += list(_apps(seen.get("apps") or []))
    unmet = seen.get("unmet") or []
    lines.append("intentions  all met" if not unmet else f"intentions  {len(unmet)} not met:")
    for one in unmet:
        lines.append(f"  {one.get('item')}: {one.get('state')}")
        lines += [f"    because {text}" for text in one.get("why") or []]
        if one.get("retry_at"):
            lines.append(f"    tried {one.get('attempts')} times, again at {one['retry_at']}")
    return "\n".join(lines)


def _apps(apps: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for app in apps:
        yield (
            f"app         {app.get('name')} ({app.get('kind')}) wanted {app.get('wanted')},"
            f" is {app.get('state') or '-'}"
        )
