"""`eaves marketplace`: applications of the catalogue, from the shelf to devices."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.marketplace.entries import (
    by_interface,
    custom_config,
    decoded,
    drives_of,
    manifest_of,
    pairs,
    variables_of,
)
from eaves.cli.marketplace.importing import SHELF, Disk, Source, find_entry, import_entry
from eaves.cli.marketplace.registry import Account
from eaves.cli.output import short_state, show_table, show_value
from eaves.cli.session import load_session, read_pem

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
Command = Callable[..., None]
NEWER = "update available"


def source_options(command: Command) -> Command:
    """Where images come from; the same for `import` and `deploy`."""
    options = (
        click.option(
            "--registry",
            envvar="EAVES_REGISTRY",
            default="",
            help="Registry of container images: docker://HOST[:PORT][/NAMESPACE].",
        ),
        click.option("--registry-user", default="", help="Name to give the registry."),
        click.option("--registry-password-file", type=FILE, help="File with its password."),
        click.option("--registry-ca", type=FILE, help="Certificate authority of the registry."),
        click.option("--datastore", default="", help="Datastore that is there, instead."),
        click.option("--disk", "path", default="", help="Path of a machine's disk in it."),
        click.option("--sha256", default="", help="sha256 of that disk."),
        click.option("--size", "size_bytes", default=0, help="Bytes of that disk."),
        click.option(
            "--arch",
            type=click.Choice(["AMD64", "ARM64"]),
            default="AMD64",
            help="Machines it is for.",
        ),
        click.option("--name", default="", help="Name of the app; that of the entry without."),
        click.option(
            "--visible-to", "projects", multiple=True, help="Project that may use it; repeatable."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _source(options: dict[str, Any]) -> Source:
    password_file: Path | None = options["registry_password_file"]
    password = password_file.read_text(encoding="utf-8").strip() if password_file else ""
    return Source(
        datastore=options["datastore"],
        registry=options["registry"],
        account=Account(options["registry_user"], password),
        root_pem=read_pem(options["registry_ca"]) if options["registry_ca"] else "",
        disk=Disk(options["path"], options["sha256"], options["size_bytes"]),
        arch=options["arch"],
    )


@click.group()
def marketplace() -> None:
    """Bring applications of the catalogue to devices."""


def _own(client: Client) -> dict[str, Json]:
    """Bundles of the tenant by the entry that they were copied from."""
    return {
        str(parent["idOfParentObject"]): row
        for row in client.list(find_kind("app"))
        if (parent := object_of(row.get("parentDetail"))).get("idOfParentObject")
    }


def _state(own: Json | None) -> str:
    if own is None:
        return ""
    newer = object_of(own.get("parentDetail")).get("updateAvailable")
    return f"{own['name']}: {NEWER}" if newer else str(own["name"])


@marketplace.command("list")
@click.option(
    "--updates", is_flag=True, help="Only copies and instances of which there is a newer version."
)
def list_entries(*, updates: bool) -> None:
    """List the catalogue, and which of it is imported."""
    with Client(load_session()) as client:
        own = _own(client)
        entries = list(client.list(find_kind("app"), SHELF))
        behind = _behind(client) if updates else []
    rows = [
        _row(entry, mine)
        for entry in entries
        for mine in (own.get(str(entry.get("id"))),)
        if not updates or _state(mine).endswith(NEWER)
    ]
    show_table(
        ("NAME", "TYPE", "CATEGORY", "RELEASE", "RUN", "IMPORTED AS"),
        rows,
        "every copy is as new as the catalogue" if updates else "the catalogue is empty",
    )
    for name, app in behind:
        click.echo(f"instance/{name}: {NEWER} of app/{app}; eaves refresh {name}")


def _row(entry: Json, mine: Json | None) -> tuple[object, ...]:
    manifest = manifest_of(entry)
    about = object_of(manifest.get("desc"))
    return (
        entry.get("name"),
        short_state(manifest.get("appType")),
        about.get("category"),
        entry.get("userDefinedVersion"),
        about.get("support"),
        _state(mine),
    )


def _behind(client: Client) -> list[tuple[str, str]]:
    """Instances that run an older version of their app, and the app."""
    instances = list(client.list(find_kind("instance")))
    used = {str(row.get("appId")) for row in instances}
    apps = {
        app_id: client.call("GET", f"{find_kind('app').path}/id/{app_id}")  # lists tell no revision
        for app_id in used & {str(row["id"]) for row in client.list(find_kind("app"))}
    }
    return [
        (str(row["name"]), str(app["name"]))
        for row in instances
        if (app := apps.get(str(row.get("appId")))) is not None
        and str(row.get("bundleversion")) != str(object_of(app.get("revision")).get("curr"))
    ]


@marketplace.command()
@click.argument("name")
def show(name: str) -> None:
    """Show an entry: images, ports, what it asks for, and its template."""
    with Client(load_session()) as client:
        entry = find_entry(client, name)
        mine = _own(client).get(str(entry["id"]))
    manifest = manifest_of(entry)
    about = object_of(manifest.get("desc"))
    told: Json = {
        "name": entry["name"],
        "title": entry["title"],
        "description": entry.get("description", ""),
        "type": short_state(manifest.get("appType")),
        "release": entry.get("userDefinedVersion", ""),
        "run": about.get("support", ""),
        "images": [drive["imagename"] for drive in drives_of(entry)],
        "resources": {r["name"]: r.get("value") for r in objects_of(manifest.get("resources"))},
        "interfaces": [_interface(one) for one in objects_of(manifest.get("interfaces"))],
        "variables": [_asked(entry, index) for index in range(len(variables_of(entry)))],
        "imported": _state(mine) or "no",
    }
    template = decoded(custom_config(entry).get("template"))
    compose = decoded(manifest.get("dockerComposeYamlText"))
    told |= {"template": template} if template else {}
    told |= {"compose": compose} if compose else {}
    for key, value in told.items():
        show_value({key: value}, "yaml")


def _interface(one: Json) -> str:
    if one.get("directattach"):
        optional = ", optional" if one.get("optional") else ""
        return f"{one.get('name')}: a port of the device ({one.get('type')}{optional})"
    mapped = [
        f"{match.get('value')} to {object_of(action.get('portmapto')).get('appPort')}"
        for rule in objects_of(one.get("acls"))
        for action in objects_of(rule.get("actions"))
        if action.get("portmap")
        for match in objects_of(rule.get("matches"))
        if match.get("type") == "lport"
    ]
    return f"{one.get('name')}: maps {', '.join(mapped) or 'no port'}"


def _asked(entry: Json, index: int) -> str:
    one = variables_of(entry)[index]
    parts = [f"{one.name}: {one.label} ({one.form.lower()}"]
    parts += ["required"] if one.required else []
    parts += [f"default {one.default}"] if one.default else []
    parts += [f"one of {' '.join(one.options)}"] if one.options else []
    if one.condition is not None:
        name, value, equal = one.condition
        parts.append(f"if {name} is {'' if equal else 'not '}{value}")
    return ", ".join(parts) + ")"


@marketplace.command("import")
@click.argument("entry_name", metavar="ENTRY")
@source_options
def import_(entry_name: str, **options: Any) -> None:
    """Copy an entry into this tenant: datastore, images pinned to their digests, app.

    Again, it takes what is newer in the catalogue and what the tag means by then; instances go on
    with what they have until `eaves refresh`.
    """
    with Client(load_session()) as client:
        entry = find_entry(client, entry_name)
        name = options["name"] or str(entry["name"])
        import_entry(client, entry, _source(options), name=name, projects=options["projects"])


@marketplace.command()
@click.argument("entry_name", metavar="ENTRY")
@click.option("--device", "devices", multiple=True, help="Device to put it on; repeatable.")
@click.option("-l", "--label", "labels", multiple=True, help="Devices with TAG=VALUE; repeatable.")
@click.option("--project", default="", help="Devices of this project.")
@click.option(
    "--netinst",
    "netinsts",
    multiple=True,
    help="Network instance, or INTERFACE=NAME, repeatable; the device's default without.",
)
@click.option("--adapter", "adapters", multiple=True, help="INTERFACE=PORT for direct ones.")
@click.option("--set", "values", multiple=True, help="VARIABLE=VALUE; repeatable.")
@click.option("--set-file", "files", multiple=True, help="VARIABLE=FILE whose content it is.")
@click.option("--secret", "secrets", multiple=True, help="VARIABLE to ask for, unseen.")
@source_options
def deploy(
    entry_name: str,
    devices: tuple[str, ...],
    labels: tuple[str, ...],
    project: str,
    netinsts: tuple[str, ...],
    adapters: tuple[str, ...],
    values: tuple[str, ...],
    files: tuple[str, ...],
    secrets: tuple[str, ...],
    **options: Any,
) -> None:
    """Put an entry on devices: imports it unless that was done, one instance on each device.

    What is there already stays as it is, so that a run that was interrupted can be repeated.
    """
    from eaves.cli.marketplace import deploying  # noqa: PLC0415 - only here

    with Client(load_session()) as client:
        entry = find_entry(client, entry_name)
        wanted = deploying.wanted_devices(client, devices, pairs(labels, "-l"), project)
        given = {**pairs(values, "--set"), **_from_files(entry, pairs(files, "--set-file"))}
        given |= {name: click.prompt(name, hide_input=True, err=True) for name in secrets}
        direct, inside = pairs(adapters, "--adapter"), by_interface(netinsts)
        deploying.instance_body(entry, given, inside, direct)  # every fault before the first write
        name = options["name"] or str(entry["name"])
        bundle = client.find(find_kind("app"), name)
        if bundle is None:
            source = _source(options)
            bundle = import_entry(client, entry, source, name=name, projects=options["projects"])
        body = deploying.instance_body(bundle, given, inside, direct)
        there, failed = deploying.deploy(client, bundle, body, wanted)
    click.echo(f"{there} of {there + failed} devices have it", err=True)
    if failed:
        raise click.ClickException(f"{failed} devices do not have it; the reasons stand above")


def _from_files(entry: Json, files: dict[str, str]) -> dict[str, str]:
    import base64  # noqa: PLC0415 - only here

    encoded = {variable.name for variable in variables_of(entry) if variable.base64}
    found: dict[str, str] = {}
    for name, path in files.items():
        content = Path(path).read_bytes()
        text = base64.b64encode(content) if name in encoded else content
        found[name] = text.decode("utf-8")
    return found


@marketplace.command()
@click.argument("entry_name", metavar="ENTRY")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/var/tmp/eaves-samples"),  # noqa: S108 - made of packages, the same for everybody
    show_default=True,
    help="Folder in which what was made is kept.",
)
def build(entry_name: str, cache: Path) -> None:
    """Make the image of an entry from Debian packages; prints where it is.

    Of a container, the OCI layout: put it into your registry, for example with `skopeo copy
    oci:FOLDER:1 docker://...`.  Of a virtual machine, the file of its disk, its sha256 and its
    bytes: put it into a datastore of files, and give both to `import`.
    """
    from eaves.cli import firewall  # noqa: PLC0415 - only here
    from eaves.cli.packaged import RECIPES, TAG, packaged_image  # noqa: PLC0415 - only here
    from eaves.errors import EavesError  # noqa: PLC0415 - only here

    known = sorted((*RECIPES, firewall.NAME))
    if entry_name not in known:
        raise click.ClickException(
            f"{entry_name!r} is not made of packages; {', '.join(known)} are"
        )
    try:
        if entry_name == firewall.NAME:
            disk = firewall.firewall_disk(cache)
            click.echo(f"{disk.path} --sha256 {disk.sha256} --size {disk.size_bytes}")
        else:
            click.echo(f"{packaged_image(cache, entry_name).layout}:{TAG}")
    except EavesError as error:
        raise click.ClickException(str(error)) from error
