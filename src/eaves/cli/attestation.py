"""`eaves attestation`: what a device measured at its boot, and what is done about it."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import click

from eaves.cli.client import Client
from eaves.cli.completion import complete_of
from eaves.cli.json_values import Json, list_of, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.output import FORM, age, one_line, show_table, show_value
from eaves.cli.session import load_session

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
NAME = click.argument("name", shell_complete=complete_of("device"))


@click.group()
def attestation() -> None:
    """Show what a device booted; accept it, ask again, block the device.

    A project that enforces attestation gives configuration, secrets and keys only to devices that
    prove a boot which fits a PCR template of their model.
    """


@attestation.command()
@NAME
@click.option("--log", is_flag=True, help="Print the events of the boot as well.")
@FORM
def show(name: str, form: str, *, log: bool) -> None:
    """Tell whether a device attested, and what differs from what its model may boot."""
    with Client(load_session()) as client:
        found = client.get(find_kind("device"), name)
        told = object_of(
            client.call("GET", f"/v1/devices/id/{found['id']}/attestation").get("attestation")
        )
    if form != "table":
        show_value(told, form)
        return
    policy = "enforced" if told.get("enforced") else "not enforced"
    state = str(told.get("state", "")).removeprefix("ATTEST_STATE_")
    when = f", attested {age(told['attestedAt'])}" if told.get("attestedAt") else ""
    when += ", too long ago" if told.get("stale") else ""
    click.echo(f"{name}: {state}{when}; {policy}")
    click.echo(f"  {one_line(told.get('detail', ''))}")
    if told.get("blocked"):
        click.echo(f"  blocked: {one_line(told['blocked'])}")
    quote = object_of(told.get("quote") or {})
    if quote:
        _tell_quote(quote, log=log)


def _tell_quote(quote: Mapping[str, object], *, log: bool) -> None:
    versions = f"version {quote.get('eveVersion')}, firmware {quote.get('firmwareVersion') or '-'}"
    click.echo(f"quote of {quote.get('at')}: {one_line(versions)}")
    place = object_of(quote.get("location") or {})
    if place:
        click.echo(f"  from {place.get('latitude')}, {place.get('longitude')}, as the device says")
    for one in list_of(quote.get("differences")):
        click.echo(f"  {one_line(one)}")
    show_table(
        ("PCR", "SHA-256"),
        [(str(one.get("index")), str(one.get("value"))) for one in objects_of(quote.get("pcrs"))],
        "no PCRs",
    )
    if log:
        show_table(
            ("ENTRY", "PCR", "EVENT", "PROVEN"),
            [
                (
                    str(one.get("number")),
                    str(one.get("pcr")),
                    str(one.get("text")),
                    "yes" if one.get("proven") else "no",
                )
                for one in objects_of(quote.get("eventLog"))
            ],
            str(quote.get("eventLogFault") or "no event log came with it"),
        )


@attestation.command()
@NAME
@click.option("--as", "template", default="", help="Name of the PCR template; device and time.")
@click.option(
    "--pcr", "pcrs", type=int, multiple=True, help="Only these PCRs; 0,2,3,4,6,7,8,9,11,12,13."
)
@click.option("--at", default="", help="The time of the quote that you looked at, as shown.")
def accept(name: str, template: str, pcrs: tuple[int, ...], at: str) -> None:
    """Let every device of this model boot what the device measured last."""
    _order(
        name,
        "attestation/accept",
        f"its boot is a PCR template of its model now{f': {template}' if template else ''}",
        {"name": template, "pcrs": list(pcrs), "at": at},
    )


@attestation.command()
@click.argument("name", required=False, shell_complete=complete_of("device"))
@click.option("--project", shell_complete=complete_of("project"), help="All devices of a project.")
@click.option("--all", "every", is_flag=True, help="All devices that you see.")
def renew(name: str | None, project: str | None, *, every: bool) -> None:
    """Drop the token of a device, or of many: it attests again with its next poll."""
    if [bool(name), bool(project), every].count(True) != 1:
        raise click.UsageError("say which devices: a NAME, --project or --all")
    if name:
        _order(name, "attestation/renew", "attests again with its next poll")
        return
    with Client(load_session()) as client:
        project_id = client.get(find_kind("project"), project)["id"] if project else ""
        told = client.call("PUT", "/v1/eaves/attestation/renew", {"projectId": project_id})
    click.echo(f"{told.get('devices', 0)} devices: attest again with their next poll")


@attestation.command()
@NAME
@click.option("--why", default="", help="For those who ask why it gets nothing.")
def block(name: str, why: str) -> None:
    """Give a device no configuration, no secrets and no keys until it is unblocked."""
    _order(name, "attestation/block", "blocked", {"why": why})


@attestation.command()
@NAME
def unblock(name: str) -> None:
    """Let a device attest again."""
    _order(name, "attestation/unblock", "may attest again")


@attestation.command("renew-certificates")
@NAME
def renew_certificates(name: str) -> None:
    """Let a device replace its encryption and attestation certificates, once.

    For a machine that lost its disk: certificates that it registered with are kept otherwise.
    """
    _order(name, "certificates/renew", "its next upload may replace its certificates")


@attestation.command()
@click.argument("image", shell_complete=complete_of("image"))
@click.argument("file", type=FILE)
@click.argument("signature", type=FILE)
def expect(image: str, file: Path, signature: Path) -> None:
    """Tell what an image of the base OS will measure, before a device boots it.

    FILE was made with the image, SIGNATURE is a detached one over it by a key that an image policy
    trusts.  Devices to which the image is assigned may boot it without being accepted.
    """
    with Client(load_session()) as client:
        found = client.get(find_kind("image"), image)
        parts = {"document": file.read_bytes(), "signature": signature.read_bytes()}
        body: Json = {name: b64encode(data).decode() for name, data in parts.items()}
        client.call("PUT", f"/v1/eaves/images/id/{found['id']}/measurements", body)
    click.echo(f"image/{image}: its measurements are expected")


def _order(name: str, what: str, done: str, body: Json | None = None) -> None:
    with Client(load_session()) as client:
        found = client.get(find_kind("device"), name)
        client.call("PUT", f"/v1/eaves/devices/id/{found['id']}/{what}", body or {})
    click.echo(f"device/{name}: {done}")
