"""From a bundle to instances on many devices: what is there is left alone, what fails is told."""

from collections.abc import Iterable, Mapping

import click

from eaves.cli.client import ApiError, Client
from eaves.cli.json_values import Json, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.marketplace.entries import filled, interfaces_of, manifest_of


def wanted_devices(
    client: Client, names: Iterable[str], labels: Mapping[str, str], project: str
) -> list[Json]:
    """The devices that are named, and those with all of these tags.  Raises ClickException."""
    kind = find_kind("device")
    found = {str(row["id"]): row for row in (client.get(kind, name) for name in names)}
    if labels or project:
        project_id = client.get(find_kind("project"), project)["id"] if project else ""
        for row in client.list(kind):
            tags = object_of(row.get("tags"))
            if project_id and row.get("projectId") != project_id:
                continue
            if all(tags.get(name) == value for name, value in labels.items()):
                found[str(row["id"])] = row
    if not found:
        raise click.ClickException("no device is meant: give --device, -l or --project that fit")
    return sorted(found.values(), key=lambda row: str(row["name"]))


def instance_body(
    bundle: Json,
    values: Mapping[str, str],
    netinsts: Mapping[str, str],
    adapters: Mapping[str, str],
) -> Json:
    """What all instances have in common; `netinsts` as `interfaces_of` takes them.

    Raises ClickException with every fault.
    """
    manifest = manifest_of(bundle)
    figures = {str(r["name"]): r.get("value") for r in objects_of(manifest.get("resources"))}
    return {
        "appId": bundle["id"],
        "appType": manifest.get("appType"),
        "activate": True,
        "logs": {"access": True},
        "customConfig": filled(bundle, values) or None,
        "interfaces": interfaces_of(bundle, netinsts, adapters),
        "drives": [
            {
                key: drive[key]
                for key in ("imagename", "drvtype", "maxsize", "target", "preserve", "mountpath")
                if drive.get(key)
            }
            for drive in objects_of(manifest.get("images"))
        ],
        "vminfo": {
            "cpus": int(float(str(figures.get("cpus") or 1))),
            "memory": int(float(str(figures.get("memory") or 0))),
            "mode": manifest.get("vmmode") or "HV_HVM",
            "vnc": bool(manifest.get("enablevnc")),
        },
    }


def deploy(client: Client, bundle: Json, body: Json, devices: Iterable[Json]) -> tuple[int, int]:
    """One instance on each device; returns how many are there now and how many are not."""
    kind = find_kind("instance")
    there = failed = 0
    for device in devices:
        name = f"{bundle['name']}-{device['name']}"
        if client.find(kind, name) is not None:
            click.echo(f"instance/{name} unchanged")
            there += 1
            continue
        try:
            client.call(
                "POST",
                kind.path,
                {**body, "name": name, "title": str(bundle["title"]), "deviceId": device["id"]},
            )
        except ApiError as error:
            failed += 1
            click.echo(f"instance/{name} failed: {error.message}", err=True)
            continue
        there += 1
        click.echo(f"instance/{name} created")
    return there, failed
