"""`eaves node install`: a hardened service on a machine with systemd."""

import asyncio
import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from eaves.node.host.files import atomic_write
from eaves.node.host.process import CommandFailed, run, systemd_runs
from eaves.node.settings import NO_TPM, HostNetwork, Settings
from eaves.node.tpm.quoter import DEFAULT_EVENT_LOG

UNIT = Path("/etc/systemd/system/eaves-node.service")
NEVER_NEEDED = (
    "CAP_AUDIT_CONTROL",
    "CAP_BLOCK_SUSPEND",
    "CAP_CHECKPOINT_RESTORE",
    "CAP_LEASE",
    "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE",
    "CAP_PERFMON",
    "CAP_SYSLOG",
    "CAP_SYS_PACCT",
    "CAP_SYS_TIME",
    "CAP_WAKE_ALARM",
)
FILES = (
    "server",
    "root-certificate.pem",
    "onboard.cert.pem",
    "onboard.key.pem",
    "soft_serial",
    "bootstrap-config.pb",
)


def unit_text(command: str, settings: Settings) -> str:
    """The unit file.  Apps run in scopes of their own, so stopping the service leaves them alone.

    No option here may give the service a mount namespace of its own (ProtectHome, PrivateTmp and
    their like): the roots and network namespaces of apps are mounts that the next start adopts.
    Filters and the capability bound reach the apps too, so they close only what none needs.
    """
    return f"""[Unit]
Description=Eaves edge node {settings.name}
After=network-online.target time-sync.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
Restart=always
RestartSec=2
KillMode=process
OOMScoreAdjust=-900
Delegate=yes
UMask=0077
StateDirectory=eaves
ConfigurationDirectory=eaves
CapabilityBoundingSet=~{" ".join(NEVER_NEEDED)}
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=~@clock @cpu-emulation @obsolete @swap
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_VSOCK AF_CAN

[Install]
WantedBy=multi-user.target
"""


def launcher() -> list[str]:
    """How to start this program at boot: the script beside the interpreter, or on the path."""
    beside = Path(sys.executable).with_name("eaves")
    found = str(beside) if beside.exists() else shutil.which("eaves")
    return [found] if found else [sys.executable, "-m", "eaves"]


def node_words(settings: Settings) -> list[str]:
    """The command line that starts a node with these settings."""
    words = ["node", "--config", str(settings.config_dir)]
    words += ["--state-dir", str(settings.state_dir), "--name", settings.name]
    words += ["--host-power", settings.host_power]
    if settings.tpm is not None:
        words += ["--tpm", settings.tpm or NO_TPM]
    if settings.event_log != DEFAULT_EVENT_LOG:
        words += ["--event-log", str(settings.event_log)]
    if settings.host_network is not HostNetwork.BORROWED:
        words += ["--host-network", settings.host_network]
        words += [word for name in settings.interfaces for word in ("--interface", name)]
    return words


@click.command("install")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder written by `eaves onboarding`; copied to the configuration folder.",
)
@click.option("--print-unit", is_flag=True, help="Only print the unit file.")
@click.option("--no-start", is_flag=True, help="Write the unit file, start nothing.")
@click.pass_obj
def install(settings: Settings, source: Path | None, *, print_unit: bool, no_start: bool) -> None:
    """Make the node a service of this machine that starts at boot (root, systemd)."""
    text = unit_text(shlex.join([*launcher(), *node_words(settings)]), settings)
    if print_unit:
        click.echo(text, nl=False)
        return
    if os.geteuid() != 0:
        again = shlex.join([*launcher(), *sys.argv[1:]])
        raise click.ClickException(f"installing a service needs root: run `sudo {again}`")
    if not systemd_runs():
        raise click.ClickException(
            "this machine does not run systemd; start `eaves node` from its own init system"
        )
    if source is not None:
        settings.config_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in FILES:
            if (source / name).exists():
                shutil.copyfile(source / name, settings.config_dir / name)
                (settings.config_dir / name).chmod(0o600)
    atomic_write(UNIT, text.encode(), 0o644)
    if no_start:
        click.echo(f"{UNIT} written; start it with: systemctl enable --now {UNIT.stem}")
        return
    try:
        for argv in (["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", UNIT.stem]):
            asyncio.run(run(argv, timeout_s=60))
    except CommandFailed as error:
        raise click.ClickException(f"{UNIT} is written, but not started: {error}") from error
    click.echo(f"{UNIT.stem} runs now and at every boot; `eaves node status` tells how it is")
