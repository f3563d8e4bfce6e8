"""From an entry of the catalogue to a bundle of the tenant: datastore, images, bundle.

Each step finds what an interrupted run made, so the same command goes on where that one ended.  An
image is named after its digest: another digest is another image, and what runs keeps its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import click

from eaves.cli.client import ApiError, Client, nearest
from eaves.cli.json_values import Json, object_of
from eaves.cli.kinds import find_kind
from eaves.cli.marketplace.entries import (
    COMPOSE,
    decoded,
    drives_of,
    manifest_of,
)
from eaves.cli.marketplace.registry import Account, Pinned, Registry

SHELF = "/v1/apps/global"
REGISTRY = "DATASTORE_TYPE_CONTAINERREGISTRY"
ARCHITECTURES = {"AMD64": "amd64", "ARM64": "arm64"}
_IMAGE_LINE = re.compile(r"^(?P<head>\s*image:\s*[\"']?)(?P<name>[^\s\"'@]+)(?P<tail>[\"']?\s*)$")


@dataclass(frozen=True, slots=True)
class Disk:
    """A file that the operator brings for an entry that is a virtual machine."""

    path: str = ""  # below the datastore; the name in the entry without
    sha256: str = ""
    size_bytes: int = 0


@dataclass(frozen=True)
class Source:
    """Where images come from: a datastore that is there, or a registry to make one for."""

    datastore: str = ""
    registry: str = ""
    account: Account = field(default_factory=Account, repr=False)
    root_pem: str = ""
    disk: Disk = field(default_factory=Disk)
    arch: str = "AMD64"


def find_entry(client: Client, name: str) -> Json:
    """An entry of the catalogue; a wrong name is answered with the nearest ones."""
    try:
        return client.call("GET", f"{SHELF}/name/{quote(name, safe='')}")
    except ApiError as error:
        if error.status != 404:
            raise
    known = [str(row.get("name", "")) for row in client.list(find_kind("app"), SHELF)]
    raise click.ClickException(
        f"there is no entry {name!r} in the catalogue; {nearest(name, known, 'entry')}"
    )


def version_of(entry: Json) -> int:
    return int(str(object_of(entry.get("revision")).get("curr") or 0))


def import_entry(
    client: Client, entry: Json, source: Source, *, name: str, projects: tuple[str, ...]
) -> Json:
    """Make or renew the tenant's bundle of an entry; returns it.  Says what it does."""
    kind = find_kind("app")
    current = client.find(kind, name)
    parent = object_of(current.get("parentDetail")) if current else {}
    if current is not None and parent.get("idOfParentObject") != entry["id"]:
        raise click.ClickException(
            f"app {name!r} exists already and is no copy of {entry['name']}; give another --name"
        )
    project_ids = [client.get(find_kind("project"), project)["id"] for project in projects]
    manifest = dict(manifest_of(entry))
    datastores: list[str] = []
    if manifest.get("appType") == COMPOSE:
        manifest["dockerComposeYamlText"] = _pinned_compose(manifest, source)
    elif any(drives_of(entry)):
        wanted = _datastore(client, entry, source, project_ids)
        pinned = [(drive, _facts(entry, drive, wanted, source)) for drive in drives_of(entry)]
        datastore = _made(client, wanted)  # nothing is written before all of them are found
        datastores = [str(datastore["id"])]
        named = {
            str(drive["imagename"]): _image(client, entry, drive, facts, datastore, source.arch)
            for drive, facts in pinned
        }
        manifest["images"] = [_drive(drive, named) for drive in manifest["images"]]
    body: Json = {
        "name": name,
        "title": entry["title"],
        "description": entry.get("description", ""),
        "userDefinedVersion": entry.get("userDefinedVersion", ""),
        "originType": "ORIGIN_IMPORTED",
        "parentDetail": {
            "idOfParentObject": entry["id"],
            "versionOfParentObject": version_of(entry),
            "referenceExists": True,
        },
        "projectAccessList": project_ids or (current or {}).get("projectAccessList", []),
        "datastoreIdList": datastores,
        "manifestJSON": {**manifest, "name": name},
    }
    if current is None:
        client.call("POST", kind.path, body)
    else:
        whole = {**body, "revision": current["revision"]}
        client.call("PUT", f"{kind.path}/id/{current['id']}", whole)
    click.echo(f"app/{name} {'imported' if current is None else 'renewed'}")
    return client.get(kind, name)


def _drive(drive: Json, images: Mapping[str, Json]) -> Json:
    image = images.get(str(drive.get("imagename", "")))
    if image is None:
        return drive
    return {**drive, "imagename": image["name"], "imageid": image["id"]}


def _datastore(client: Client, entry: Json, source: Source, projects: list[str]) -> Json:
    """The datastore as it is, or as it should be made."""
    kind = find_kind("datastore")
    if source.datastore:
        return client.get(kind, source.datastore)
    if not source.registry:
        raise click.ClickException(
            f"{entry['name']} needs images: say where from, with --registry docker://HOST, or "
            "--datastore NAME of one that is there"
        )
    registry = Registry(source.registry, source.account, source.root_pem)
    name = "registry-" + re.sub(r"[^A-Za-z0-9.-]+", "-", registry.host)
    found = client.find(kind, name)
    if found is not None:
        return found
    body: Json = {
        "name": name,
        "title": f"Registry {registry.host}",
        "dsType": REGISTRY,
        "dsFQDN": source.registry,
        "dsPath": "",
        "projectAccessList": projects,
    }
    if source.account.user:
        body["secret"] = {"apiKey": source.account.user, "apiPasswd": source.account.password}
    if source.root_pem:
        body["certificateChain"] = {"certificates": [{"cert": source.root_pem}]}
    return body


def _made(client: Client, datastore: Json) -> Json:
    if datastore.get("id"):
        return datastore
    kind = find_kind("datastore")
    client.call("POST", kind.path, datastore)
    click.echo(f"datastore/{datastore['name']} created")
    return client.get(kind, str(datastore["name"]))


def _facts(entry: Json, drive: Json, datastore: Json, source: Source) -> Json:
    """Where the image is in the datastore, its digest and its size."""
    if drive.get("imageformat") == "CONTAINER":
        return _of_registry(drive, datastore, source)
    return _of_file(entry, drive, datastore, source.disk)


def _image(
    client: Client, entry: Json, drive: Json, facts: Json, datastore: Json, arch: str
) -> Json:
    kind = find_kind("image")
    name = f"{entry['name']}-{str(facts['imageSha256'])[:12]}"
    found = client.find(kind, name)
    if found is None:
        body: Json = {
            "name": name,
            "title": f"{entry['title']} {drive['imagename']}",
            "datastoreId": datastore["id"],
            "imageType": "IMAGE_TYPE_APPLICATION",
            "imageFormat": drive["imageformat"],
            "imageArch": arch,
            **facts,
        }
        client.call("POST", kind.path, body)
        click.echo(f"image/{name} created: {facts['imageRelUrl']} is {facts['imageSha256']}")
        found = client.get(kind, name)
    if found.get("imageStatus") not in ("IMAGE_STATUS_READY", "IMAGE_STATUS_INUSE"):
        client.call("PUT", f"{kind.path}/id/{found['id']}/uplink", found)
        found = client.get(kind, name)
    return found


def _of_registry(drive: Json, datastore: Json, source: Source) -> Json:
    if datastore.get("dsType") != REGISTRY:
        raise click.ClickException(
            f"datastore {datastore['name']!r} is no container registry, and {drive['imagename']} "
            "is a container; name another"
        )
    address = source.registry or str(datastore.get("dsFQDN", ""))
    path = str(datastore.get("dsPath") or "").strip("/")
    registry = Registry(
        f"{address.rstrip('/')}/{path}" if path else address, source.account, source.root_pem
    )
    pinned: Pinned = registry.pin(str(drive["imagename"]), ARCHITECTURES[source.arch])
    return {
        "imageRelUrl": pinned.reference,
        "imageSha256": pinned.sha256,
        "imageSizeBytes": str(pinned.size_bytes),
        "imageVersion": pinned.tag,
    }


def _of_file(entry: Json, drive: Json, datastore: Json, disk: Disk) -> Json:
    if datastore.get("dsType") == REGISTRY:
        raise click.ClickException(
            f"{entry['name']} is a virtual machine: its disk {drive['imagename']} does not come "
            "from a registry; put the file into a datastore of files and name that"
        )
    if not (disk.sha256 and disk.size_bytes):
        raise click.ClickException(
            f"{entry['name']} is a virtual machine: put its disk {drive['imagename']} into "
            f"datastore {datastore['name']!r} and give its --sha256 and --size"
        )
    return {
        "imageRelUrl": disk.path or drive["imagename"],
        "imageSha256": disk.sha256.lower(),
        "imageSizeBytes": str(disk.size_bytes),
    }


def _pinned_compose(manifest: Json, source: Source) -> str:
    """The compose file with the digest of each image beside its tag."""
    import base64  # noqa: PLC0415 - only for compose files

    if not source.registry:
        raise click.ClickException(
            "a compose file names images by tags: say which registry to pin them against, with "
            "--registry docker://HOST"
        )
    registry = Registry(source.registry, source.account, source.root_pem)
    lines: list[str] = []
    for line in decoded(manifest.get("dockerComposeYamlText")).splitlines(keepends=True):
        found = _IMAGE_LINE.match(line)
        if found is None:
            lines.append(line)
            continue
        pinned = registry.pin(found["name"], ARCHITECTURES[source.arch])
        lines.append(f"{found['head']}{found['name']}@{pinned.digest}{found['tail']}")
    return base64.b64encode("".join(lines).encode()).decode("ascii")
