"""`eaves device`: records from a file, machines that are replaced, debug access."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from eaves.cli.client import Client
from eaves.cli.completion import complete_of
from eaves.cli.json_values import Json, is_list, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.output import show_table, show_value
from eaves.cli.progress import Progress
from eaves.cli.session import load_session

AT_ONCE = 50  # records in one request
BULK = "/v1/eaves/devices/bulk"
TAKEN = "AlreadyExists"
NAME = click.argument("name", shell_complete=complete_of("device"))


@click.group()
def device() -> None:
    """Make many devices from a file, replace machines, open debug access, upgrade."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: `cells` of CSV, or an entry of YAML."""

    line: int
    name: str
    cells: Sequence[str] = ()
    entry: object = None


@dataclass(frozen=True, slots=True)
class Source:
    header: Sequence[str]  # empty: not CSV
    records: Sequence[Record]


@device.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Check every row; make nothing.")
@click.option("--partly", is_flag=True, help="Make the good rows although others have faults.")
@click.option("--skip-existing", is_flag=True, help="Pass over rows whose device is there already.")
def create(file: Path, *, dry_run: bool, partly: bool, skip_existing: bool) -> None:
    """Make devices from a CSV or YAML file, a row or entry for each.

    Columns of CSV: name, title, serialno, obkey, model, project, deployment_tag, asset_id,
    location, lat_long, tag:KEY, network:PORT, usage:PORT, ip:PORT. Model and project are names.
    Every row is checked before the first device is made.
    """
    source = read_source(file)
    if not source.records:
        raise click.ClickException(f"{file}: no device in it")
    with Client(load_session()) as client:
        faults, good, there = check(client, source, skip_existing=skip_existing)
        for line, text in faults:
            click.echo(f"{file}:{line}: {text}", err=True)
        if faults and not partly:
            raise click.ClickException(
                f"{len({line for line, _ in faults})} of {len(source.records)} rows have faults; "
                "nothing was made"
            )
        if dry_run:
            click.echo(f"{len(good)} devices would be made, {there} are there already")
            return
        made = 0
        sent = 0
        with Progress("devices") as progress:
            for some in _parts(good):
                answer = _send(client, source.header, some, partial="true")
                made += int(answer.get("created", 0))
                sent += len(some)
                progress.tell(sent, len(good))
                faults = [*faults, *_faults(some, answer)]
    click.echo(f"{made} devices made, {there} were there already, {len(good) - made} failed")
    if made < len(good):
        for line, text in faults:
            click.echo(f"{file}:{line}: {text}", err=True)
        raise click.ClickException("run it again with --skip-existing when the cause is mended")


Fault = tuple[int, str]


def check(
    client: Client, source: Source, *, skip_existing: bool
) -> tuple[list[Fault], list[Record], int]:
    """Faults by line, the records without any, and how many devices are there already."""
    faults: list[Fault] = []
    good: list[Record] = []
    there = 0
    first: dict[str, int] = {}
    for some in _parts(source.records):
        answer = _send(client, source.header, some, dryRun="true")
        for record, told in zip(some, objects_of(answer.get("results")), strict=True):
            errors = objects_of(told.get("error"))
            if skip_existing and errors and all(e.get("ec") == TAKEN for e in errors):
                there += 1
                continue
            found = [(record.line, str(error.get("details"))) for error in errors]
            if not found and record.name in first:
                found = [
                    (record.line, f"{record.name!r} stands in line {first[record.name]} already")
                ]
            first.setdefault(record.name, record.line)
            faults += found
            if not found:
                good.append(record)
    return faults, good, there


def _faults(some: Sequence[Record], answer: Json) -> list[Fault]:
    return [
        (record.line, str(error.get("details")))
        for record, told in zip(some, objects_of(answer.get("results")), strict=True)
        for error in objects_of(told.get("error"))
    ]


def _parts(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), AT_ONCE):
        yield records[start : start + AT_ONCE]


def _send(client: Client, header: Sequence[str], some: Sequence[Record], **query: str) -> Json:
    if not header:
        rows = [{"line": record.line, "device": record.entry} for record in some]
        return client.call("POST", BULK, {"rows": rows}, query)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(record.cells for record in some)
    return client.upload("POST", BULK, text.getvalue().encode(), "text/csv", query)


def read_source(file: Path) -> Source:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file}: not UTF-8, byte {error.start}") from error
    if file.suffix.lower() == ".csv":
        return _read_csv(file, text)
    if file.suffix.lower() in (".yaml", ".yml"):
        return Source((), tuple(_read_yaml(file, text)))
    raise click.ClickException(f"{file}: neither .csv nor .yaml")


def _read_csv(file: Path, text: str) -> Source:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        first: list[str] = next(reader, list[str]())
        header = [cell.strip() for cell in first]
        if "name" not in header:
            raise click.ClickException(f"{file}:1: the first line must name the columns, also name")
        at = header.index("name")
        records: list[Record] = []
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                name = cells[at].strip() if at < len(cells) else ""
                records.append(Record(line, name, cells=cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise click.ClickException(f"{file}:{reader.line_num}: {error}") from error
    return Source(header, records)


def _read_yaml(file: Path, text: str) -> Iterator[Record]:
    import yaml  # noqa: PLC0415 - only where a file is of this kind

    try:
        nodes = list(yaml.compose_all(text, yaml.BaseLoader))
        values: list[object] = list(yaml.load_all(text, yaml.BaseLoader))
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file}: no YAML: {error}") from error
    for node, value in zip(nodes, values, strict=True):
        if is_list(value):
            for entry, at in zip(value, node.value, strict=True):
                yield _record(at.start_mark.line + 1, entry)
        else:
            yield _record(node.start_mark.line + 1, value)


def _record(line: int, entry: object) -> Record:
    return Record(line, str(object_of(entry).get("name", "")), entry=entry)


@device.command()
@NAME
@click.option("--serial", default="", help="Serial number of the machine that takes the record.")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="PEM file of its device certificate, if it has one already.",
)
@click.option("--why", default="", help="For those who look at the history later.")
def replace(name: str, serial: str, certificate: Path | None, why: str) -> None:
    """Let another machine take the record of a device; apps, volumes and history stay."""
    import base64  # noqa: PLC0415 - only here

    if not serial and certificate is None:
        raise click.UsageError("give --serial or --certificate of the new machine")
    body: Json = {"serialno": serial, "why": why}
    if certificate is not None:
        body["identity"] = base64.b64encode(certificate.read_bytes()).decode()
    with Client(load_session()) as client:
        found = client.get(find_kind("device"), name)
        client.call("PUT", f"/v1/eaves/devices/id/{found['id']}/replace", body)
    click.echo(f"device/{name}: the next machine that comes so takes it: {serial or certificate}")


@device.command()
@NAME
def machines(name: str) -> None:
    """Show which machines have and had the record of a device."""
    with Client(load_session()) as client:
        found = client.get(find_kind("device"), name)
        told = client.call("GET", f"/v1/eaves/devices/id/{found['id']}/machines")
    show_table(
        ("SERIAL", "CERTIFICATE", "SINCE", "UNTIL", "WHY"),
        [
            (
                one.get("serialno", ""),
                str(one.get("certificateSha256", ""))[:16],
                one.get("boundAt", ""),
                one.get("leftAt", ""),
                one.get("why", ""),
            )
            for one in objects_of(told.get("list"))
        ],
        f"no machine has registered as {name} yet",
    )


@device.command()
@NAME
@click.option("--minutes", type=click.IntRange(1, 10080), default=60, help="How long; 60.")
@click.option(
    "--ssh-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Public key that may log in meanwhile.",
)
@click.option("--off", is_flag=True, help="End it now.")
def debug(name: str, minutes: int, ssh_key: Path | None, *, off: bool) -> None:
    """Open console, screen and keyboards of a device for some minutes; it ends by itself."""
    with Client(load_session()) as client:
        found = client.get(find_kind("device"), name)
        path = f"/v1/devices/id/{found['id']}/debug"
        if off:
            client.call("PUT", f"{path}/disable")
            click.echo(f"device/{name}: debug access closed")
            return
        body: Json = {"debugKnob": True, "expiry": str(minutes)}
        if ssh_key is not None:
            body["sshKey"] = ssh_key.read_text().strip()
        client.call("PUT", f"{path}/enable", body)
    click.echo(f"device/{name}: debug access open for {minutes} minutes")


def _put(name: str, verb: str, done: str) -> None:
    with Client(load_session()) as client:
        found = client.get(find_kind("device"), name)
        client.call("PUT", f"/v1/devices/id/{found['id']}/{verb}")
    click.echo(f"device/{name}: {done}")


@device.command()
@NAME
def offboard(name: str) -> None:
    """Take a device out of service: its machine forgets the controller, the record stays."""
    _put(name, "offboard", "off-boarded")


@device.command()
@NAME
def poweroff(name: str) -> None:
    """Ask a device to stop its apps in order and to switch itself off."""
    _put(name, "preparepoweroff", "power-off asked for")


@device.command("retry-upgrade")
@NAME
def retry_upgrade(name: str) -> None:
    """Let a device try a base image again that it fell back from."""
    _put(name, "baseos/upgrade/retry", "retry asked for")


@device.command()
@NAME
@click.option(
    "--image", "image_name", required=True, help="Base image.", shell_complete=complete_of("image")
)
@click.option("--stage", is_flag=True, help="Only bring it to the device; do not start it.")
def upgrade(name: str, image_name: str, *, stage: bool) -> None:
    """Bring a base image to one device and start it; `eaves rollout` does it to many in waves."""
    with Client(load_session()) as client:
        found = client.get(find_kind("device"), name)
        image = client.get(find_kind("image"), image_name)
        base: Json = {
            "uuid": image["id"],
            "imageName": image["name"],
            "version": image.get("imageVersion") or image["name"],
            "activate": not stage,
        }
        verb = "publish" if stage else "apply"
        path = f"/v1/devices/id/{found['id']}/{verb}"
        client.call("PUT", path, {**found, "baseImage": [base]})
    done = "is brought there" if stage else "is brought there and started"
    click.echo(f"device/{name}: base image {image_name} {done}")


@device.command()
@NAME
def attestation(name: str) -> None:
    """Show what a device measured at its start, and what differs from its model's templates."""
    with Client(load_session()) as client:
        found = client.get(find_kind("device"), name)
        show_value(client.call("GET", f"/v1/devices/id/{found['id']}/attestation"), "yaml")
