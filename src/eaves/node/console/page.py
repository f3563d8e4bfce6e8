"""What the console says, in sentences.  Pure: readings in, lines out.

Texts come from a configuration, from images and from the network: nothing in them is markup, a
control character or a line of its own, and none is so long that it hides the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from eaves.node.console.readings import Readings
from eaves.node.diag_text import diag_text
from eaves.node.runtime.status_file import AppStatus, ControllerStatus, NodeStatus, Unmet

LONGEST: Final = 400  # characters of one text
MOST: Final = 200  # lines of one page
LABEL: Final = 12  # width
NETWORK: Final = "Network"  # title of the page of ports


class Line(StrEnum):
    """Where the console is shown."""

    SCREEN = "screen"
    SERIAL = "serial line"
    OTHER = "terminal"  # of somebody who is logged in


@dataclass(frozen=True, slots=True)
class Page:
    key: str
    title: str
    lines: tuple[str, ...]


PHASES: Final = {
    "starting": "The node is starting.",
    "onboarding": "The node asks its controller to accept it.",
    "onboarded": "The controller knows this node; no configuration has come yet.",
    "online": "The controller answers.",
}
STATES: Final = {
    "RUNNING": "runs",
    "BOOTING": "is starting",
    "HALTING": "is stopping",
    "HALTED": "is stopped",
    "INSTALLED": "is ready to start",
    "ERROR": "has failed",
    "START_DELAYED": "waits for its time to start",
    "DOWNLOAD_STARTED": "is being downloaded",
    "RESTARTING": "is restarting",
    "PURGING": "is being made anew",
}


def pages(seen: Readings) -> tuple[Page, ...]:
    return (
        _page("1", "Device", _device(seen)),
        _page("2", NETWORK, _network(seen)),
        _page("3", "Apps", _apps(seen.status)),
        _page("4", "Problems", _problems(seen)),
    )


def heading(seen: Readings) -> str:
    device = seen.status.device if seen.status else None
    name = (device.name or device.uuid or device.serial) if device else ""
    return clean(f"Eaves edge node  {name}", 70)


def shut(seen: Readings, line: Line) -> str:
    """Why nothing is shown here; empty: it may be."""
    device = seen.status.device if seen.status else None
    if device is not None and line is Line.SCREEN and not device.screen:
        return "The controller has shut the screen of this device (debug.enable.vga)."
    if device is not None and line is Line.SERIAL and not device.serial_line:
        return "The controller has shut the serial line of this device (debug.enable.console)."
    return ""


def clean(text: str, longest: int = LONGEST) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."


def _page(key: str, title: str, lines: Iterable[str]) -> Page:
    shown: list[str] = []
    for line in lines:
        if len(shown) == MOST:
            shown.append("There is more than fits here; the controller shows all of it.")
            break
        shown.append(clean(line, LONGEST + LABEL))
    return Page(key, title, tuple(shown))


def _row(label: str, text: str) -> str:
    return f"{label:<{LABEL}}{clean(text)}"


def _device(seen: Readings) -> Iterator[str]:
    yield from (f"! {one}" for one in seen.damaged)
    status = seen.status
    if status is None:
        yield "The node has not said anything since this machine was started."
        yield "It needs about a minute. If this stays, look at the recovery guide: the node"
        yield "service does not start, and the machine goes back to its former system."
        return
    device = status.device
    yield _row("Node", "runs" if seen.running else "DOES NOT RUN; apps go on without it")
    yield _row("", f"version {status.version or 'unknown'}, seen {_time(status.at)}")
    yield _row("Identity", device.uuid or "none yet: the controller has not accepted this node")
    yield _row("Name", device.name or "none yet: it comes with the first configuration")
    yield _row("Serial", device.serial or "not known")
    yield ""
    yield from _controller(status.controller, status.at)
    yield ""
    yield _row("System", device.system or "of this machine's owner, no slots of Eaves")
    yield _row("Vault", device.vault or "not known yet")
    yield _row("Keys", device.keys or "not known yet")
    yield _row("Started", f"{device.boot or 'reason not known'}; {device.restarts} starts so far")
    wanted = sum(app.wanted == "running" for app in status.apps)
    up = sum(app.state == "RUNNING" for app in status.apps if app.wanted == "running")
    yield _row("Apps", f"{up} of {wanted} that should run do" if wanted else "none should run")
    if status.unmet:
        yield _row("Problems", f"{len(status.unmet)}; press 4")


def _controller(told: ControllerStatus, at: str) -> Iterator[str]:
    yield _row("Controller", told.url or "none: the configuration folder names no server")
    problem = told.waiting_for or told.problem
    if problem:
        yield _row("", f"DOES NOT ANSWER AS IT SHOULD: {clean(problem)}")
        yield _row("", "Press 2 for the ports and what each lacks.")
    else:
        yield _row("", PHASES.get(told.phase, "The node has not said how they stand."))
    last = told.last_success
    yield _row("", f"last answer {_time(last)}" if last else "It has never answered so far.")
    yield _row("Attestation", _attested(told, at))
    if told.messages_waiting:
        yield _row("", f"{told.messages_waiting} messages wait to be sent")


def _attested(told: ControllerStatus, at: str) -> str:
    if told.attestation_error:
        return f"FAILED: {clean(told.attestation_error)}"
    if told.attested_at:
        return f"the controller accepted what this machine booted, {_ago(told.attested_at, at)}"
    return "not yet: the controller has not judged what this machine booted"


def _network(seen: Readings) -> Iterator[str]:
    told = seen.status.controller if seen.status else None
    problem = (told.waiting_for or told.problem) if told else ""
    if problem:
        yield _row("Failure", problem)
        yield ""
    yield from diag_text(seen.ports, ()).split("\n")


def _apps(status: NodeStatus | None) -> Iterator[str]:
    if status is None or not status.apps:
        yield "No app is configured."
        return
    for app in status.apps:
        yield from _app(app)


def _app(app: AppStatus) -> Iterator[str]:
    is_now = STATES.get(app.state, f"is {app.state.lower().replace('_', ' ') or 'not there yet'}")
    name = clean(app.name or app.id or "an app without a name", 60)
    wanted = "" if app.wanted == "running" else ", and should not run"
    yield f"{name} ({clean(app.kind, 30)}) {clean(is_now, 60)}{wanted}"
    yield from (f"    because {clean(why)}" for why in app.why)


def _problems(seen: Readings) -> Iterator[str]:
    yield from (f"! {one}" for one in seen.damaged)
    status = seen.status
    if status is None:
        yield "The node has not said anything since this machine was started."
        return
    if not status.unmet:
        yield "All that the configuration asks for is there."
    for one in status.unmet:
        yield from _unmet(one)


def _unmet(one: Unmet) -> Iterator[str]:
    yield f"{clean(one.item, 120)}: {clean(one.state, 60)}"
    yield from (f"    because {clean(why)}" for why in one.why)
    if one.retry_at:
        yield f"    tried {one.attempts} times, again {_time(one.retry_at)}"


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _time(text: str | None) -> str:
    moment = _moment(text) if text else None
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}".strip() if moment else "at an unknown time"


def _ago(since: str, at: str) -> str:
    begun, now = _moment(since), _moment(at)
    if begun is None or now is None or (begun.tzinfo is None) != (now.tzinfo is None):
        return "at an unknown time"
    minutes = max(0, int((now - begun).total_seconds() // 60))
    if minutes >= 120:
        return f"{minutes // 60} hours ago"
    return f"{minutes} minutes ago" if minutes else "just now"
