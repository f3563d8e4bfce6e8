"""`eaves onboarding`: the folder that a fresh node starts from."""

import os
from pathlib import Path

import click

from eaves.cli.client import Client
from eaves.cli.kinds import find_kind
from eaves.cli.session import load_session


@click.command()
@click.argument("device")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write; made if missing.",
)
@click.option("--server", help="host[:port] that the device is to call, if not the usual one.")
def onboarding(device: str, out: Path, server: str | None) -> None:
    """Write server, root certificate and onboarding key for a device that was created before."""
    kind = find_kind("device")
    with Client(load_session()) as client:
        found = client.get(kind, device)
        material = client.call("GET", f"{kind.path}/id/{found['id']}/onboarding")
        controller = client.call("GET", "/v1/eaves/controller")
    certs = material.get("onboarding") or {}
    if not certs.get("pemCert") or not certs.get("pemKey"):
        raise click.ClickException(
            f"device {device!r} has no onboarding key to hand out: it was onboarded already;"
            " `eaves get device` shows when it was last seen"
        )
    files = {
        "server": (server or str(controller["deviceServer"])) + "\n",
        "root-certificate.pem": str(controller["rootCertificatePem"]),
        "onboard.cert.pem": str(certs["pemCert"]),
        "onboard.key.pem": str(certs["pemKey"]),
        "soft_serial": str(found.get("serialno") or ""),
    }
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in files.items():
        mode = 0o600 if name.endswith(".key.pem") else 0o644
        with os.fdopen(
            os.open(out / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w"
        ) as file:
            file.write(text)
    click.echo(f"{out} holds what {device} needs; on it run: eaves node --config {out}")
