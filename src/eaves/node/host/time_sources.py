"""Where this machine has its time from: chrony, else systemd-timesyncd; whichever is there.

Of systemd-timesyncd it can be told.  Source: org.freedesktop.timesync1(5).
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from eaves.node.host import dbus
from eaves.node.host.process import run

ASK_S = 10.0
MOST_SOURCES = 32
_TIMESYNC = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)
_PART = re.compile(r"(\w+)=([^,}\s]+)")
CHRONY_FIELDS = 10
_SET = dbus.Method(
    "org.freedesktop.timesync1",
    "/org/freedesktop/timesync1",
    "org.freedesktop.timesync1.Manager",
    "SetRuntimeNTPServers",
)


@dataclass(frozen=True, slots=True)
class TimeSource:
    name: str
    kind: str = "server"  # server, peer, reference
    state: str = ""  # as chrony marks it: * + - ? x ~
    stratum: int = 0
    poll: int = 0  # power of two, seconds
    reach: int = 0  # the last eight polls, a bit for each
    offset_s: float = 0.0


async def time_sources() -> tuple[TimeSource, ...]:
    """None where neither tells.  Raises CommandFailed where one does not end."""
    if shutil.which("chronyc") is not None:
        told = await run(["chronyc", "-c", "-n", "sources"], timeout_s=ASK_S, check=False)
        if told.code == 0:
            return tuple(parse_chrony(told.out))[:MOST_SOURCES]
    if shutil.which("timedatectl") is not None:
        argv = ["timedatectl", "show-timesync", "--all", "--no-pager"]
        told = await run(argv, timeout_s=ASK_S, check=False)
        return parse_timesyncd(told.out) if told.code == 0 else ()
    return ()


async def set_time_servers(names: tuple[str, ...]) -> None:
    """It asks them at once, and while it runs.  Raises BusRefused, BusUnreachable."""
    await dbus.call(_SET, names, ASK_S)


def parse_chrony(told: str) -> Iterator[TimeSource]:
    """One line of values for each source."""
    kinds = {"^": "server", "=": "peer", "#": "reference"}
    for line in told.splitlines():
        words = line.split(",")
        if len(words) < CHRONY_FIELDS:
            continue
        yield TimeSource(
            words[2][:253],
            kinds.get(words[0], "server"),
            words[1],
            _number(words[3]),
            _number(words[4]),
            _number(words[5], base=8),
            _real(words[7]),
        )


def parse_timesyncd(told: str) -> tuple[TimeSource, ...]:
    """The one server that it follows; none while it has not found one."""
    fields = dict(_TIMESYNC.findall(told))
    name = fields.get("ServerAddress") or fields.get("ServerName") or ""
    if not name:
        return ()
    message = dict(_PART.findall(fields.get("NTPMessage", "")))
    answered = bool(message)
    return (
        TimeSource(
            name[:253],
            state="*" if answered else "?",
            stratum=_number(message.get("Stratum", "")),
            reach=int(answered),
        ),
    )


def _number(text: str, base: int = 10) -> int:
    try:
        return max(0, int(text, base))
    except ValueError:
        return 0


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
