"""`eaves node install`: a hardened service on a machine with systemd."""

import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from eaves.node.host.files import atomic_write
from eaves.node.host.process import systemd_runs
from eaves.node.settings import Settings

UNIT = Path("/etc/systemd/system/eaves-node.service")
FILES = ("server", "root-certificate.pem", "onboard.cert.pem", "onboard.key.pem", "soft_serial")


def unit_text(command: str, settings: Settings) -> str:
    """The unit file.  Apps run in scopes of their own, so stopping the service leaves them alone.

    What a node does needs root and the kernel's network; the rest is closed.
    """
    return f"""[Unit]
Description=Eaves edge node
Documentation=man:eaves(1)
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
NoNewPrivileges=no
ProtectHome=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelModules=no
ProtectKernelLogs=yes
PrivateTmp=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_VSOCK
ReadWritePaths={settings.state_dir} /run
StateDirectory=eaves/node
ConfigurationDirectory=eaves/node

[Install]
WantedBy=multi-user.target
"""


@click.command("install")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder written by `eaves onboarding`; copied to the configuration folder.",
)
@click.option("--print-unit", is_flag=True, help="Only print the unit file.")
@click.pass_obj
def install(settings: Settings, source: Path | None, *, print_unit: bool) -> None:
    """Make the node a service of this machine that starts at boot (root, systemd)."""
    command = shlex.join(
        [
            sys.executable,
            "-m",
            "eaves",
            "node",
            "--config",
            str(settings.config_dir),
            "--state-dir",
            str(settings.state_dir),
            "--name",
            settings.name,
            "--host-power",
            settings.host_power,
        ]
    )
    text = unit_text(command, settings)
    if print_unit:
        click.echo(text, nl=False)
        return
    if os.geteuid() != 0:
        raise click.ClickException(f"installing a service needs root: sudo {shlex.join(sys.argv)}")
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
    click.echo(f"{UNIT} written; start it with: systemctl enable --now eaves-node")
