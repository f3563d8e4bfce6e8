"""`eaves node`: run it, install it as a service, ask it how it is."""

import asyncio
import json
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from eaves import __version__
from eaves.errors import EavesError
from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.device_certs import Chance
from eaves.evapi.flows.attest import Quoter, stated_versions, versions_only
from eaves.evapi.flows.onboard import Applicant
from eaves.evapi.info import BootReason
from eaves.evapi.pem import certificate_key, load_certificate
from eaves.node.checkpoint import Checkpoint, StateNotWritable
from eaves.node.comms.folder import ConfigFolder, FolderIncomplete, read_folder
from eaves.node.comms.identity import KeyUnusable, load_identity, onboarding_identity
from eaves.node.comms.link import Link
from eaves.node.comms.outbox import Outbox
from eaves.node.comms.secrets import Decryptor
from eaves.node.comms.transport import Limits, Transport
from eaves.node.containers.subsystem import ContainersSubsystem
from eaves.node.domains.subsystem import DomainsSubsystem
from eaves.node.host.journal import log_to_file
from eaves.node.host.machine import Host, Machine
from eaves.node.host.power import reboot_machine, restart_process
from eaves.node.install import install, launcher
from eaves.node.network.observe import observe_ports
from eaves.node.network.subsystem import NetworkSubsystem
from eaves.node.runtime.commands import Boot, decide_boot
from eaves.node.runtime.conversation import Conversation
from eaves.node.runtime.device_status import Identity
from eaves.node.runtime.engine import Engine, Surroundings
from eaves.node.runtime.log_store import LogStore
from eaves.node.runtime.parts import Parts
from eaves.node.runtime.safekeeping import Safekeeping
from eaves.node.runtime.security_module import MACHINE_TPM, SecurityModule, find_tpm
from eaves.node.runtime.service import RestartNode, Service
from eaves.node.runtime.status_file import is_running, read_status
from eaves.node.runtime.workloads import Workloads
from eaves.node.settings import (
    DEFAULT_CONFIG,
    DEFAULT_STATE,
    NO_TPM,
    RUN_ROOT,
    HostPower,
    Settings,
)
from eaves.node.status_text import status_text
from eaves.node.storage.authorizers import Credentials
from eaves.node.storage.subsystem import StorageSubsystem
from eaves.node.tpm.device import Tpm
from eaves.node.tpm.health import Health
from eaves.node.tpm.quoter import DEFAULT_EVENT_LOG, TpmQuoter
from eaves.node.vault_command import NO_TPM_HERE, vault_command, vault_of
from eaves.reconcile.item import ItemRef

log = structlog.get_logger(__name__)

VERSION = f"eaves-{__version__}"


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
@click.pass_context
def command(
    ctx: click.Context,
    config_dir: Path,
    state_dir: Path,
    name: str,
    host_power: HostPower,
    tpm: str | None,
    event_log: Path,
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
    )
    ctx.obj = settings
    if ctx.invoked_subcommand is not None:
        return
    if os.geteuid() != 0:
        raise click.ClickException(
            "a node changes networks and starts machines:"
            f" run `sudo {shlex.join([*launcher(), *sys.argv[1:]])}`"
        )
    try:
        restart = asyncio.run(run_node(settings))
    except EavesError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        log.info("stopped", note="apps go on")
        return
    if restart:
        log.info("restarting", host_power=str(settings.host_power))
        if settings.host_power is HostPower.REAL:
            reboot_machine()
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


def monotonic_clock() -> Callable[[], datetime]:
    """Times that advance evenly: a clock set by decades must trigger nothing."""
    wall, start = datetime.now(UTC), time.monotonic()
    return lambda: wall + timedelta(seconds=time.monotonic() - start)


async def run_node(settings: Settings) -> bool:
    """Runs until a reboot command; True asks for a restart."""
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_run_dir(settings.run_dir)
    device_log = settings.state_dir / "logs" / "device.log"
    log_to_file(device_log)
    folder = await wait_for_folder(settings.config_dir)
    checkpoint = Checkpoint(settings.state_dir)
    transport = Transport(folder.server, folder.root_certificate, now, Limits())
    tpm = find_tpm(settings, Host().machine())
    try:
        service, applicant = compose(settings, folder, checkpoint, transport, device_log, tpm)
        await run_until_restart(service, applicant)
    finally:
        await transport.close()
        checkpoint.close()
        if tpm is not None:
            tpm.close()
    return True


def make_run_dir(folder: Path) -> None:
    """Whatever the umask: dnsmasq, which is not root, reads below it."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in (folder.parent, folder):
        one.chmod(0o755)


async def run_until_restart(service: Service, applicant: Applicant) -> None:
    try:
        await service.run(applicant)
    except BaseExceptionGroup as group:
        _, others = group.split(RestartNode)
        if others is not None:
            raise


async def wait_for_folder(folder: Path) -> ConfigFolder:
    """An empty folder may still be filled: look again, say what is missing once."""
    said = ""
    while True:
        try:
            return read_folder(folder)
        except FolderIncomplete as error:
            if str(error) != said:
                said = str(error)
                log.warning("waiting_for_configuration", why=said)
            await asyncio.sleep(2.0)


def quoter_of(settings: Settings, machine: Machine, tpm: Tpm | None) -> Quoter:
    parts = (machine.bios_vendor, machine.bios_version, machine.bios_date)
    firmware = "-".join(part for part in parts if part)
    if tpm is None:
        return versions_only(VERSION, firmware)
    return TpmQuoter(tpm, settings.event_log, stated_versions(VERSION, firmware))


def compose(
    settings: Settings,
    folder: ConfigFolder,
    checkpoint: Checkpoint,
    transport: Transport,
    device_log: Path,
    tpm: Tpm | None,
) -> tuple[Service, Applicant]:
    host = Host()
    machine = host.machine()
    boot = note_boot(settings, checkpoint, machine.boot_id)
    identity = load_identity(
        settings.state_dir / "identity", lambda: Chance(now(), secrets.token_bytes), tpm
    )
    used_tpm = tpm if identity.in_tpm else None
    link = Link(transport, identity, folder.root_certificate, now)
    clock = monotonic_clock()

    # The parts below refer to each other; the functions run only once all of them exist.
    def decryptor() -> Decryptor:
        config = conversation.heard.config
        trusts = (*((link.trust,) if link.trust else ()), *conversation.believed)
        certs = tuple(c for t in trusts for c in (t.current, t.previous) if c is not None)
        contexts = {c.context_id: c for c in (config.cipher_contexts if config else ())}
        return Decryptor(contexts, lambda: certs, identity.ecdh)

    def retry(ref: ItemRef) -> None:
        engine.reconciler.retry(ref)

    def changed() -> None:
        service.changed()

    def reachable() -> None:
        service.reachable()

    def attest_again() -> None:
        conversation.attesting.again()

    def tpm_changed() -> None:
        # What a failing TPM held back is asked for again, and so is what it now holds back.
        conversation.read_again()
        service.changed()

    async def follow(config: EdgeDevConfig) -> None:
        await service.follow(config)

    security = SecurityModule(
        tpm.tcti if tpm else "", Health(used_tpm, tpm_changed) if used_tpm else None
    )
    vault = vault_of(settings.state_dir, used_tpm, _no_vault(tpm))
    vault.start()
    safekeeping = Safekeeping(
        vault,
        identity.ecdh,
        device_key(identity.device_cert_pem),
        opened=lambda: open_storage(storage, engine),
        due=attest_again,
        changed=changed,
    )
    storage = StorageSubsystem(
        vault.folder.path,
        clock,
        door=vault.closed,
        retry=retry,
        credentials=lambda key: datastore_secret(key, conversation.heard.config, decryptor()),
    )
    network = NetworkSubsystem(settings.table, settings.run_dir)
    kept = vault.folder.path if vault.encrypted else settings.state_dir
    domains = DomainsSubsystem(settings.name, kept, settings.run_dir, storage, clock)
    containers = ContainersSubsystem(settings.name, kept, settings.run_dir, storage, clock)
    engine = Engine(
        checkpoint,
        (storage, network, domains, containers),
        Surroundings(observe_ports, lambda block: decryptor().open(block), settings.table),
        clock,
        changed,
    )
    conversation = Conversation(
        link,
        checkpoint,
        quoter_of(settings, machine, used_tpm),
        lambda: service.items,
        follow,
        reachable,
        safekeeping,
    )
    parts = Parts(
        engine=engine,
        conversation=conversation,
        checkpoint=checkpoint,
        storage=storage,
        workloads=Workloads(domains, containers, network, device_log),
        host=host,
        logs=LogStore(settings.state_dir / "logs", now),
        identity=identity_facts(settings, folder, checkpoint, boot),
        security=security,
        safekeeping=safekeeping,
        state_dir=settings.state_dir,
        run_dir=settings.run_dir,
        now=now,
        version=VERSION,
    )
    service = Service(parts, Outbox(time.monotonic))
    applicant = Applicant(
        identity.sender,
        identity.device_cert_pem,
        onboarding_identity(folder),
        folder.soft_serial or machine.serial,
        folder.soft_serial,
    )
    return service, applicant


def _no_vault(tpm: Tpm | None) -> str:
    if tpm is None:
        return NO_TPM_HERE
    return "the keys of this device are on disk, not in its TPM"


def open_storage(storage: StorageSubsystem, engine: Engine) -> None:
    """The vault is open: what waited for it is tried at once."""
    storage.opened()
    for ref in engine.reconciler.intended:
        if ref.kind in storage.kinds:
            engine.reconciler.retry(ref)


def device_key(certificate_pem: bytes) -> ec.EllipticCurvePublicKey:
    key = certificate_key(load_certificate(certificate_pem))
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise KeyUnusable("device.cert.pem", "it is not of an EC key")
    return key


def identity_facts(
    settings: Settings, folder: ConfigFolder, checkpoint: Checkpoint, boot: Boot
) -> Identity:
    return Identity(
        host_name=checkpoint.fact("uuid") or settings.name,
        root_ca=folder.root_certificate,
        boot_time=datetime.fromisoformat(checkpoint.fact("boot_time") or now().isoformat()),
        boot_reason=BootReason(checkpoint.number("boot_reason") or 0),
        boot_text=checkpoint.fact("boot_text") or boot.text,
        last_reboot_time=_time(checkpoint.fact("last_reboot_time")),
        restart_counter=checkpoint.number("restart_counter") or 0,
        soft_serial=folder.soft_serial,
    )


def datastore_secret(
    key: str, config: EdgeDevConfig | None, decryptor: Decryptor
) -> Credentials | None:
    """Account and secret of the datastore that `key` (`datastore/<id>`) names."""
    wanted = key.removeprefix("datastore/")
    for store in config.datastores if config else ():
        if store.id != wanted:
            continue
        if store.cipher_data is not None:
            opened = decryptor.open(store.cipher_data)
            return Credentials(opened.ds_api_key, opened.ds_password)
        if store.api_key or store.password:
            return Credentials(store.api_key, store.password)
    return None


def note_boot(settings: Settings, checkpoint: Checkpoint, boot_id: str) -> Boot:
    """Tell a boot from a restart of the process, count it, and keep its reason."""
    planned = checkpoint.number("planned_boot")
    marker = settings.run_dir / "boot"
    boot = decide_boot(
        first=checkpoint.fact("boot_id") is None,
        same_boot_id=checkpoint.fact("boot_id") == boot_id,
        run_state_there=marker.exists(),
        planned=None if planned is None else BootReason(planned),
    )
    if boot.fresh:
        try:
            checkpoint.remember(
                last_reboot_time=checkpoint.fact("went_down") or checkpoint.fact("boot_time"),
                went_down=None,
                boot_id=boot_id,
                planned_boot=None,
                restart_counter=(checkpoint.number("restart_counter") or 0) + 1,
                boot_reason=int(boot.reason),
                boot_text=boot.text,
                boot_time=now().isoformat(),
            )
        except StateNotWritable as error:
            # Apps that were configured before start all the same.
            log.warning("boot_not_counted", error=str(error))
    marker.touch()
    log.info("node_started", fresh=boot.fresh, why=boot.text, version=VERSION)
    return boot


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def now() -> datetime:
    """Wall clock: for stamps and certificates only; timers use the monotonic one."""
    return datetime.now(UTC)
