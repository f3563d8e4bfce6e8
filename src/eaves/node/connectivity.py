"""The node's uplinks as they are put together, and `eaves node diag`."""

import asyncio
import shlex
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import click
import msgspec
import structlog

from eaves.errors import EavesError
from eaves.evapi.flows.steps import Received, Reply
from eaves.node.checkpoint import Checkpoint
from eaves.node.comms.folder import read_folder
from eaves.node.comms.transport import Limits, Transport
from eaves.node.diag_text import Asked, Probe, diag_text
from eaves.node.host.adapters import radios, ready
from eaves.node.host.files import read_or_none
from eaves.node.install import launcher
from eaves.node.refs import Way
from eaves.node.runtime.connect import pinger
from eaves.node.runtime.conversation import CONFIG
from eaves.node.runtime.given_ports import brought_ports
from eaves.node.settings import HostNetwork, Settings
from eaves.node.storage.transfer import Uplink
from eaves.node.uplinks.authenticator import FindCredentials
from eaves.node.uplinks.entries import last_resort
from eaves.node.uplinks.ledger import EPOCH
from eaves.node.uplinks.ledger_file import DOCUMENT, LedgerFile
from eaves.node.uplinks.machine import Machine, Place
from eaves.node.uplinks.model import Entry, PortPlan
from eaves.node.uplinks.owner import Owner
from eaves.node.uplinks.service import Tools, Uplinks
from eaves.node.uplinks.status import Shown
from eaves.node.uplinks.status_file import STATUS_FILE
from eaves.node.uplinks.takeover import Takeover
from eaves.node.uplinks.wireless import OpenSecret, Supplicant, supplicant

log = structlog.get_logger(__name__)

PROBE_S = 10.0
RESOLVER = Path("/run/eaves/resolv.conf")  # resolv.conf of a machine that is the node's alone


async def ask_first(settings: Settings, checkpoint: Checkpoint) -> None:
    """Addresses are asked for while the node is put together, which takes over who asks."""
    if settings.host_network is not HostNetwork.OWNED:
        return
    kept, there = LedgerFile(checkpoint, stored_ledger(checkpoint)), ready()
    configured = b"".join(checkpoint.documents(CONFIG))
    entry = asked_first(
        kept, configured, there - radios(), brought=bool(brought_ports(settings.config_dir))
    )
    if entry is None:
        return
    machine = Machine(Place(settings.run_dir, settings.name, owned=True), managed=there)
    machine.pins = kept.pins
    try:
        await machine.apply(entry)
    except (EavesError, OSError) as error:
        log.warning("addresses_not_asked_for", error=str(error))  # told again by who does it next


def asked_first(
    kept: LedgerFile, configured: bytes, wired: AbstractSet[str], *, brought: bool
) -> Entry | None:
    """The ports that were in force when the node ended.

    Those of a new device are whatever has a cable, unless its installer `brought` others.  None:
    they wait for what is known later, the secrets of radios and what a DHCP server may be told.
    """
    if b"dhcp.enable.vendorclassid" in configured:
        return None
    entry = kept.preferred
    if entry is None and not (kept.ledger or configured or brought):
        entry = last_resort(wired, (), EPOCH)
    if entry is None or any(p.wifi or p.cellular or p.access for p in entry.ports):
        return None
    return entry


def stored_ledger(checkpoint: Checkpoint) -> bytes:
    return next(checkpoint.documents(DOCUMENT), b"")


def uplinks_of(
    settings: Settings,
    server: str,
    checkpoint: Checkpoint,
    clock: Callable[[], datetime],
    changed: Callable[[], None],
    open_secret: OpenSecret,
    credentials: FindCredentials,
) -> Uplinks:
    def open_wifi(plan: PortPlan) -> Supplicant:
        return supplicant(plan, open_secret)

    owned = settings.host_network is HostNetwork.OWNED
    tools = Tools(
        Machine(
            Place(settings.run_dir, settings.name, owned),
            open_wifi,
            open_secret=open_secret,
            credentials=credentials,
        ),
        checkpoint,
        clock,
        time.monotonic,
        changed,
        settings.run_dir,
        server,
        settings.host_network,
    )
    uplinks = Uplinks(tools, stored_ledger(checkpoint))
    # Where nobody else chooses ways, none is taken that no port is for.
    uplinks.keeper.keeps_host = not owned
    return uplinks


def takeover_of(
    settings: Settings, uplinks: Uplinks, clock: Callable[[], datetime]
) -> Takeover | Owner | None:
    if settings.host_network is HostNetwork.OWNED:
        return Owner(uplinks, RESOLVER, time.monotonic)
    if settings.host_network is not HostNetwork.MANAGED:
        return None
    begun = clock()
    return Takeover(
        settings.run_dir / "hand-over",
        f"eaves-{settings.name}-guardian",
        settings.interfaces,
        uplinks.managed_changed,
        lambda: uplinks.reached_since(begun),
    )


def download_ways(uplinks: Uplinks) -> Callable[[str], Awaitable[tuple[Uplink, ...]]]:
    async def choose(url: str) -> tuple[Uplink, ...]:
        ways = await uplinks.keeper.for_download(url, uplinks.properties.download_max_cost)
        return tuple(Uplink(w.source, w.proxy, w.interface, w.roots, w.dns, w.names) for w in ways)

    return choose


@click.command("diag")
@click.option("--no-probe", is_flag=True, help="Send nothing; only show what the node saw last.")
@click.pass_obj
def diag(settings: Settings, *, no_probe: bool) -> None:
    """Ports, port configurations and whether the controller answers over each, on the spot."""
    try:
        data = read_or_none(settings.run_dir / STATUS_FILE)
        seen = None if data is None else msgspec.json.decode(data, type=Shown)
        probes = () if no_probe else asyncio.run(_probe(settings, seen))
        reached = any(isinstance(p.reply, Received) for p in probes)
        asked = () if no_probe or reached or not seen else asyncio.run(ask_all(seen.asked))
    except PermissionError as error:
        again = shlex.join([*launcher(), *sys.argv[1:]])
        raise click.ClickException(f"{error.filename} is for root: run `sudo {again}`") from error
    except EavesError as error:
        raise click.ClickException(str(error)) from error
    click.echo(diag_text(seen, probes, asked))


async def ask_all(urls: Sequence[str]) -> tuple[Asked, ...]:
    """Whoever answers, whatever it says, is reached."""
    found: list[Asked] = []
    timeout = aiohttp.ClientTimeout(total=PROBE_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for url in urls:
            try:
                async with session.head(url, allow_redirects=False) as reply:
                    found.append(Asked(url, answered=True, said=f"HTTP {reply.status}"))
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                said = str(error) or type(error).__name__
                found.append(Asked(url, answered=False, said=said))
    return tuple(found)


async def _probe(settings: Settings, seen: Shown | None) -> tuple[Probe, ...]:
    """One ping over each address of each management port, and one as the machine chooses."""
    folder = read_folder(settings.config_dir)
    transport = Transport(
        folder.server, folder.root_certificate, lambda: datetime.now(UTC), Limits(PROBE_S, PROBE_S)
    )
    ping = pinger(transport)
    ways = [
        Way(p.label, p.ifname, address.partition("/")[0], p.proxy, p.roots, p.names, p.cost)
        for p in (seen.ports if seen else ())
        if p.management and p.up
        for address in p.addresses
    ]
    probes: list[Probe] = []
    try:
        for way in (*ways, Way()):
            begun = time.monotonic()
            reply: Reply = await ping(way, PROBE_S)
            probes.append(Probe(way, reply, time.monotonic() - begun))
    finally:
        await transport.close()
    return tuple(probes)
