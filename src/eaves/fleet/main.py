"""`eaves fleet`: thousands of protocol-true devices in one process."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

import click
import msgspec
import structlog
from rich.console import Console
from rich.live import Live

from eaves.cli.client import ApiError, Client
from eaves.cli.session import Session, load_session, read_pem
from eaves.cli.trust import base_url
from eaves.errors import EavesError
from eaves.evapi.device_certs import Chance
from eaves.fleet.crews import Running, running_fleet
from eaves.fleet.enroll import Wanted, enrol, serial_of
from eaves.fleet.faults import PERIOD_S, BadShare, Fault, Faults, Share
from eaves.fleet.identities import (
    KeptDevice,
    KeptFleet,
    load_fleet,
    load_folder,
    new_device,
    save_fleet,
)
from eaves.fleet.park import Course, new_loop, raise_file_limit, utc_now
from eaves.fleet.show import shown
from eaves.fleet.world import Profile

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
SHOWN_EVERY_S = 1.0


class OfDevices(click.ParamType[Share]):
    """A number of devices, or a part of them."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Share:
        if isinstance(value, Share):
            return value
        try:
            return Share.parse(str(value))
        except BadShare as error:
            return self.fail(str(error), param, ctx)


class Span(click.ParamType[float]):
    """Seconds, with an optional unit: 90, 90s, 10m, 2h."""

    name = "time"
    _UNITS: ClassVar[Mapping[str, float]] = {"s": 1.0, "m": 60.0, "h": 3600.0}

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        word = str(value).strip()
        unit = self._UNITS.get(word[-1:], 0.0)
        try:
            seconds = float(word[:-1]) * unit if unit else float(word)
        except ValueError:
            seconds = -1.0
        if seconds < 0:
            self.fail(f"{value!r} is no time; write 90, 90s, 10m or 2h", param, ctx)
        return seconds


class NewFile(click.Path):
    """A file that can be written at the end of a run, however long: its folder is there now."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        path = Path(str(super().convert(value, param, ctx)))
        if not os.access(path.parent, os.W_OK):
            self.fail(f"{str(path)!r} cannot be written: see the folder {path.parent}", param, ctx)
        return path


SHARE, SPAN, NEW_FILE = OfDevices(), Span(), NewFile()


@click.group()
def command() -> None:
    """Simulate devices."""


@dataclass(frozen=True, slots=True)
class Door:
    """How devices get in: a login at a controller, a folder, or the state of another run."""

    controller: str | None
    token_file: Path | None
    ca: Path | None
    onboarding: Path | None
    server: str
    name: str


@dataclass(frozen=True, slots=True)
class Output:
    for_s: float | None
    as_json: bool
    out: Path | None
    ledger: Path | None


@command.command()
@click.option("--devices", type=click.IntRange(1, 100_000), required=True, help="How many.")
@click.option("--controller", help="URL of its REST side.  [default: of the login]")
@click.option(
    "--profile",
    type=click.Choice([p.value for p in Profile]),
    default="eve",
    show_default=True,
    help="EVE-OS polls; nodes of Eaves also wait for changes.",
)
@click.option("--token-file", type=FILE, help="File with an API token, instead of a login.")
@click.option("--ca", type=FILE, help="Certificate authority to trust (PEM), beside --token-file.")
@click.option(
    "--onboarding",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Onboarding folder; device records with the serials NAME-00001... exist already.",
)
@click.option("--server", default="", help="HOST[:PORT] that devices call, if not the usual one.")
@click.option("--name", default="fleet", show_default=True, help="Of project, model and devices.")
@click.option(
    "--state",
    type=NEW_FILE,
    help="File to keep the identities in; the same devices run again from it.",
)
@click.option("--for", "for_s", type=SPAN, help="How long, as 90s or 10m.  [default: until Ctrl-C]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random.")
@click.option(
    "--spread",
    type=SPAN,
    default=60.0,
    show_default=True,
    help="Over how long devices that are known begin.",
)
@click.option(
    "--settle",
    type=SPAN,
    default=0.0,
    show_default=True,
    help="Count latencies from then on only; those before stand in the timeline.",
)
@click.option(
    "--joins-per-s",
    type=click.FloatRange(min=0.1),
    default=50.0,
    show_default=True,
    help="How many devices onboard in a second.",
)
@click.option(
    "--log-interval",
    type=SPAN,
    default=300.0,
    show_default=True,
    help="Longest time between two log files of a device.",
)
@click.option(
    "--hurry",
    type=click.FloatRange(min=0.01),
    default=1.0,
    show_default=True,
    help="Divide every interval of the devices by this, and the pauses before they try again.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes that share the devices; one takes about a core for ten thousand.",
)
@click.option("--offline-share", type=SHARE, default="0", help="Devices that come and go.")
@click.option("--slow-links", type=SHARE, default="0", help="Devices on narrow, far uplinks.")
@click.option("--clock-skew", type=SHARE, default="0", help="Devices up to 6 h early or late.")
@click.option(
    "--duplicate-serials",
    type=SHARE,
    default="0",
    help="Devices whose serial another machine claims as well.",
)
@click.option(
    "--bad-signatures",
    type=SHARE,
    default="0",
    help="Devices that sign every second metrics message wrongly.",
)
@click.option("--crash-loops", type=SHARE, default="0", help="Devices that keep starting anew.")
@click.option(
    "--fault-period",
    type=SPAN,
    default=PERIOD_S,
    show_default=True,
    help="Longest time between two changes of what comes and goes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
@click.option("--out", type=NEW_FILE, help="File for the figures as JSON.")
@click.option(
    "--ledger", type=NEW_FILE, help="File for what each device got acknowledged, as JSON."
)
def run(
    devices: int, profile: str, state: Path | None, seed: int, processes: int, **given: Any
) -> None:
    """Run devices until Ctrl-C, or for a given time.

    Each has keys of its own, onboards, attests, polls, reports and runs the apps of its
    configuration, in name: nothing is downloaded.  Without --onboarding and without a --state
    that holds them, the records of the devices are made at the controller first.

    A share of devices is a number, 5% or 0.05.  Exit code 1 when a request failed that no fault
    explains.
    """
    door = Door(**{key: given[key] for key in Door.__slots__})
    output = Output(given["for_s"], given["as_json"], given["out"], given["ledger"])
    course = Course(
        profile=Profile(profile),
        seed=seed,
        faults=_faults(given),
        spread_s=given["spread"],
        settle_s=given["settle"],
        joins_per_s=given["joins_per_s"],
        log_interval_s=given["log_interval"],
        hurry=given["hurry"],
    )
    try:
        if processes == 1:
            raise_file_limit(devices)
        fleet = _fleet(devices, door, state)
        duplicates = _duplicates(fleet.devices, course)
        running = running_fleet(fleet, duplicates, course, utc_now, min(processes, devices))
        _run(running, output)
    except (EavesError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if state:
        save_fleet(state, running.remember())
    summary = running.summary()
    if output.out:
        output.out.write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
    if output.ledger:
        output.ledger.write_bytes(msgspec.json.encode(running.ledger()) + b"\n")
    if output.as_json:
        click.echo(msgspec.json.encode(summary).decode())
    if summary.errors:
        raise SystemExit(1)


def _faults(given: dict[str, Any]) -> Faults:
    options = {
        Fault.OFFLINE: "offline_share",
        Fault.SLOW_LINK: "slow_links",
        Fault.CLOCK_SKEW: "clock_skew",
        Fault.DUPLICATE_SERIAL: "duplicate_serials",
        Fault.BAD_SIGNATURE: "bad_signatures",
        Fault.CRASH_LOOP: "crash_loops",
    }
    shares: dict[Fault, Share] = {fault: given[option] for fault, option in options.items()}
    return Faults(shares, given["fault_period"])


def _fleet(devices: int, door: Door, state: Path | None) -> KeptFleet:
    """The identities to run with: kept ones first, new ones for those that are missing."""
    kept = load_fleet(state) if state else None
    missing = devices - (len(kept.devices) if kept else 0)
    if kept and missing <= 0:
        known = kept.devices[:devices]
    else:
        known = kept.devices if kept else []
        fresh = load_folder(door.onboarding) if door.onboarding else _enrolled(devices, door)
        kept = msgspec.structs.replace(fresh, trust=kept.trust if kept else b"")
    if door.server:
        kept.server = door.server
    chance = Chance(utc_now(), os.urandom)
    numbers = range(len(known) + 1, devices + 1)
    made = [new_device(serial_of(door.name, n), chance) for n in numbers]
    fleet = msgspec.structs.replace(kept, devices=[*known, *made])
    if state and made:
        save_fleet(state, fleet)  # a device that onboards and is forgotten could never come back
    return fleet


def _enrolled(devices: int, door: Door) -> KeptFleet:
    wanted = Wanted(door.name, devices, door.server)
    bar = click.progressbar(length=devices, label="device records", file=sys.stderr)
    try:
        with Client(_session(door)) as client, bar:
            return enrol(client, wanted, lambda done, _: bar.update(done - bar.pos))
    except ApiError as error:
        if error.status == HTTPStatus.UNAUTHORIZED and door.token_file:
            raise click.ClickException(
                f"{door.controller} does not accept the token in {door.token_file}; `eaves token"
                " create` makes one"
            ) from error
        raise


def _session(door: Door) -> Session:
    if door.token_file is None:
        session = load_session()
        if door.controller and base_url(door.controller) != session.url:
            raise click.UsageError(
                f"the login is at {session.url}; run `eaves login {door.controller}` or give"
                " --token-file"
            )
        return session
    if not door.controller:
        raise click.UsageError("--token-file needs --controller, the URL of its REST side")
    token = door.token_file.read_text("utf-8").strip()
    if not token:
        raise click.ClickException(f"{door.token_file} is empty; write the token into it")
    return Session(base_url(door.controller), token, read_pem(door.ca) if door.ca else "")


def _duplicates(devices: Sequence[KeptDevice], course: Course) -> list[KeptDevice]:
    chosen = course.faults.devices_with(Fault.DUPLICATE_SERIAL, len(devices), course.seed)
    chance = Chance(utc_now(), os.urandom)
    return [new_device(devices[n].serial, chance) for n in sorted(chosen)]


def _run(fleet: Running, output: Output) -> None:
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr), cache_logger_on_first_use=True
    )
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_watched(fleet, output))


async def _watched(fleet: Running, output: Output) -> None:
    """Run until a signal or the end of the time, with the figures on a terminal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.create_task(fleet.run_forever())
    stopping = asyncio.create_task(stop.wait())
    beginning = asyncio.create_task(fleet.begun.wait())
    await asyncio.wait((running, stopping, beginning), return_when=asyncio.FIRST_COMPLETED)
    end = None if output.for_s is None else time.monotonic() + output.for_s
    console = Console(stderr=output.as_json)
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    with live or nullcontext():
        while not (running.done() or stopping.done()):
            left = SHOWN_EVERY_S if end is None else min(SHOWN_EVERY_S, end - time.monotonic())
            if left <= 0:
                break
            await asyncio.wait(
                (running, stopping), timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if live:
                live.update(shown(fleet.summary(timeline=False)), refresh=True)
    for task in (running, stopping, beginning):
        task.cancel()
    await asyncio.wait((running, stopping, beginning))
    if not running.cancelled() and (error := running.exception()):
        raise error
    if live is None and not output.as_json:
        console.print(shown(fleet.summary(timeline=False)))
