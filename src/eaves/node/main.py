"""`eaves node`: run it, install it as a service, ask it how it is."""

import asyncio
import json
import os
import shlex
import sys
import time
from collections.abc import Awaitable
from datetime import datetime, timedelta
from pathlib import Path

import click
import msgspec
import structlog

from eaves.errors import EavesError
from eaves.evapi.flows.onboard import Applicant
from eaves.node.baseos.booted import read_booted
from eaves.node.checkpoint import Checkpoint
from eaves.node.comms.folder import ConfigFolder, FolderIncomplete, read_folder
from eaves.node.comms.hardware import IdentityElsewhere
from eaves.node.comms.transport import Limits, Transport
from eaves.node.compose import VERSION, Node, now
from eaves.node.connectivity import ask_first, diag
from eaves.node.console.command import console
from eaves.node.host.coldplug import devices_there
from eaves.node.host.journal import log_to_file
from eaves.node.host.machine import Host
from eaves.node.host.notify import own_notifier
from eaves.node.host.power import power_off_machine, reboot_machine, restart_process
from eaves.node.host.process import identify
from eaves.node.host.traces import read_traces, tail
from eaves.node.install import install, launcher
from eaves.node.runtime.boot import boot_of
from eaves.node.runtime.failed_system import mark
from eaves.node.runtime.parts import Ending
from eaves.node.runtime.security_module import MACHINE_TPM, find_tpm
from eaves.node.runtime.service import RestartNode, Service
from eaves.node.runtime.status_file import is_running, read_status, unstarted, write_status
from eaves.node.settings import (
    DEFAULT_CONFIG,
    DEFAULT_STATE,
    NO_TPM,
    RUN_ROOT,
    HostNetwork,
    HostPower,
    Settings,
)
from eaves.node.status_text import status_text
from eaves.node.tpm.errors import TpmRefused, TpmUnavailable, TpmUnusable
from eaves.node.tpm.quoter import DEFAULT_EVENT_LOG
from eaves.node.vault_command import vault_command

log = structlog.get_logger(__name__)

WITHOUT_KEYS = (IdentityElsewhere, TpmRefused, TpmUnavailable, TpmUnusable)
WAIT_S = 0.05
SHOWN_S = 60.0  # why the node of an image cannot start, before it is tried again


@click.group(invoke_without_command=True)
@click.option(
    "--config",
    "config_dir",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
)
@click.option(
    "--state-dir", type=click.Path(path_type=Path), default=DEFAULT_STATE, show_default=True
)
@click.option("--name", default="node", show_default=True, help="Tells nodes of one machine apart.")
@click.option(
    "--host-power",
    type=click.Choice(HostPower),
    default=HostPower.NONE,
    show_default=True,
    help="Whether a reboot command restarts this machine.",
)
@click.option(
    "--tpm",
    metavar="TCTI",
    help=f"How to reach the TPM: {MACHINE_TPM} (used where it is there), swtpm:host=…,port=…, or"
    f" {NO_TPM}.",
)
@click.option(
    "--event-log",
    type=click.Path(path_type=Path),
    default=DEFAULT_EVENT_LOG,
    show_default=True,
    help="What the boot measured, as the kernel shows it.",
)
@click.option(
    "--host-network",
    type=click.Choice(HostNetwork, case_sensitive=False),
    default=HostNetwork.BORROWED,
    show_default=True,
    help="Whether this machine keeps its network, hands interfaces over to the node, or leaves it"
    " all of them.",
)
@click.option(
    "--interface",
    "interfaces",
    multiple=True,
    metavar="NAME",
    help="An interface that is handed over; given back if the controller is not reached over it.",
)
@click.option(
    "--after",
    type=click.Path(path_type=Path),
    hidden=True,
    help="A file that is there once the disk of this machine is.",
)
@click.pass_context
def command(
    ctx: click.Context,
    config_dir: Path,
    state_dir: Path,
    name: str,
    host_power: HostPower,
    tpm: str | None,
    event_log: Path,
    host_network: HostNetwork,
    interfaces: tuple[str, ...],
    after: Path | None,
) -> None:
    """Run the node of this machine (root)."""
    settings = Settings(
        config_dir.resolve(),
        state_dir.resolve(),
        RUN_ROOT / name,
        name,
        host_power,
        "" if tpm == NO_TPM else tpm,
        event_log.absolute(),
        host_network=host_network,
        interfaces=interfaces,
    )
    if (host_network is HostNetwork.MANAGED) != bool(interfaces):
        raise click.UsageError(
            "--host-network=managed hands over what --interface names: give both or neither"
        )
    ctx.obj = settings
    if ctx.invoked_subcommand is not None:
        return
    if os.geteuid() != 0:
        raise click.ClickException(
            "a node changes networks and starts machines:"
            f" run `sudo {shlex.join([*launcher(), *sys.argv[1:]])}`"
        )
    if after is not None:
        wait_for(after)
    try:
        ending = asyncio.run(run_node(settings))
    except EavesError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        log.info("stopped", note="apps go on")
        return
    log.info("going_down", how=str(ending), host_power=str(settings.host_power))
    if settings.host_power is HostPower.REAL:
        power_off_machine() if ending is Ending.POWER_OFF else reboot_machine()
    restart_process()


@command.command("status")
@click.option("-o", "--output", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def status(settings: Settings, form: str) -> None:
    """Identity, connectivity and every unmet intention, without a controller."""
    try:
        seen = read_status(settings.run_dir)
    except PermissionError as error:
        again = shlex.join([*launcher(), *sys.argv[1:]])
        raise click.ClickException(f"{error.filename} is for root: run `sudo {again}`") from error
    if seen is None:
        raise click.ClickException(
            f"no node {settings.name!r} has run since this machine was started;"
            f" start one with `eaves node --config {settings.config_dir}`"
        )
    if form == "json":
        told = {**msgspec.to_builtins(seen), "running": is_running(seen)}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(status_text(seen, running=is_running(seen)))


command.add_command(install)
command.add_command(vault_command)
command.add_command(diag)
command.add_command(console)


async def run_node(settings: Settings) -> Ending:
    """Runs until a command ends it."""
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_run_dir(settings.run_dir)
    device_log = settings.state_dir / "logs" / "device.log"
    ended = tail(device_log)  # of the run before: it may have been a system on trial
    gate = log_to_file(device_log)
    booted, boot_id = read_booted(settings.boot_env), Host().machine().boot_id
    mark(booted.running.version if booted else VERSION, boot_id)
    folder = await wait_for_folder(settings.config_dir)
    checkpoint = Checkpoint(settings.state_dir)
    transport = Transport(folder.server, folder.root_certificate, now, Limits())
    await ask_first(settings, checkpoint)
    settling = asyncio.create_task(devices_there()) if booted is not None else None
    tpm = find_tpm(settings, Host().machine())
    try:
        boot = boot_of(
            settings.run_dir,
            checkpoint,
            boot_id,
            now if booted is None else machine_began,
            booted=booted,
            traces=read_traces,
            ended=ended,
        )
        try:
            node = Node(
                settings, folder, checkpoint, transport, device_log, gate, tpm, booted, boot
            )
        except WITHOUT_KEYS as error:
            if booted is not None:
                await show(settings.run_dir, booted.running.version, folder.server, str(error))
            raise
        return await run_until_restart(node.service, node.applicant, settling)
    finally:
        await transport.close()
        checkpoint.close()
        if tpm is not None:
            tpm.close()


def machine_began() -> datetime:
    """When its kernel did."""
    return now() - timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))


async def show(run_dir: Path, version: str, server: str, why: str, for_s: float = SHOWN_S) -> None:
    """On the console, which is all that an image has: nobody reads how its service ended."""
    log.error("node_cannot_start", why=why)
    write_status(run_dir, unstarted(now(), version, identify(os.getpid()), server, why))
    await asyncio.sleep(for_s)


def make_run_dir(folder: Path) -> None:
    """Whatever the umask: dnsmasq, which is not root, reads below it."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in (folder.parent, folder):
        one.chmod(0o755)


async def run_until_restart(
    service: Service, applicant: Applicant, settling: Awaitable[None] | None = None
) -> Ending:
    try:
        await service.run(applicant, settling)
    except BaseExceptionGroup as group:
        _, others = group.split(RestartNode)
        if others is not None:
            raise
    return service.ending


def wait_for(file: Path) -> None:
    """Who started this program ends it if that takes too long."""
    while not file.exists():
        time.sleep(WAIT_S)


async def wait_for_folder(folder: Path) -> ConfigFolder:
    """An empty folder may still be filled: look again, say what is missing once."""
    said, notifier = "", own_notifier()
    notifier.tell("READY=1")
    while True:
        notifier.tell("WATCHDOG=1")
        try:
            return read_folder(folder)
        except FolderIncomplete as error:
            if str(error) != said:
                said = str(error)
                log.warning("waiting_for_configuration", why=said)
            await asyncio.sleep(2.0)
