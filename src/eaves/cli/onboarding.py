"""`eaves onboarding`: the folder that a fresh node starts from."""

import base64
import os
from pathlib import Path

import click

from eaves.cli.client import Client
from eaves.cli.json_values import object_of
from eaves.cli.kinds import find_kind
from eaves.cli.session import load_session


@click.command()
@click.argument("device")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write; made if missing.",
)
@click.option("--server", help="HOST[:PORT] that the device is to call, if not the usual one.")
@click.option(
    "--network",
    is_flag=True,
    help="Write its ports, too, signed: for static addresses, proxies, VLANs and bonds.",
)
def onboarding(device: str, out: Path, server: str | None, *, network: bool) -> None:
    """Write the folder that a new node starts from: server, root certificate, onboarding key.

    The device must have been created before (`eaves apply`).  The folder holds a private key:
    copy it to the machine by a safe way, and delete it here afterwards.
    """
    kind = find_kind("device")
    with Client(load_session()) as client:
        found = client.get(kind, device)
        material = client.call("GET", f"{kind.path}/id/{found['id']}/onboarding")
        controller = client.call("GET", "/v1/eaves/controller")
        first = f"{kind.path}/id/{found['id']}/config/bootstrap"
        bootstrap = client.call("GET", first) if network else None
    certs = object_of(material.get("onboarding"))
    if not certs.get("pemCert") or not certs.get("pemKey"):
        raise click.ClickException(
            f"the controller hands out no onboarding key for device {device!r};"
            " `eaves describe device` tells its state"
        )
    files: dict[str, str | bytes] = {
        "server": (server or str(controller["deviceServer"])) + "\n",
        "root-certificate.pem": str(controller["rootCertificatePem"]),
        "onboard.cert.pem": str(certs["pemCert"]),
        "onboard.key.pem": str(certs["pemKey"]),
    }
    if found.get("serialno"):
        files["soft_serial"] = f"{found['serialno']}\n"
    if bootstrap is not None:
        files["bootstrap-config.pb"] = base64.b64decode(str(bootstrap["pconfig"]))
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in files.items():
        mode = 0o600 if name.endswith(".key.pem") else 0o644
        write_file(out / name, content, mode)
    click.echo(f"{out} holds what {device} needs; on that machine, as root:")
    click.echo(f"  eaves node install --from {out} && systemctl enable --now eaves-node")
    click.echo(f"or, to try it in the foreground: eaves node --config {out}")


def write_file(path: Path, content: str | bytes, mode: int) -> None:
    """Made with its mode; one that was there before gets it, too."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content.encode() if isinstance(content, str) else content)
