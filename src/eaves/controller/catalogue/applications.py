"""Edge applications: one file each, a bundle as REST writes it.

Two things differ from a bundle in a tenant.  Templates and compose files stand as readable text
and are encoded here.  And `imagename` of a drive says where the image comes from: a reference with
a tag (`eclipse-mosquitto:2`) for a container, the name of a file for a disk.  An import puts the
image of the tenant in its place, with the digest that the tag had at that moment.
"""

import base64
from dataclasses import dataclass
from functools import cache
from typing import Any

from eaves.controller.catalogue.files import Entry, entries, only, revision, stable_id
from eaves.controller.domain.contract.apps import App
from eaves.controller.domain.contract.envelope import Origin

KEYS = frozenset({"name", "title", "description", "version", "release", "run", "manifest"})
NOT_RUN = "not run here"


@dataclass(frozen=True)
class Applications:
    apps: tuple[App, ...]

    def find_app(self, *, app_id: str = "", name: str = "") -> App | None:
        return next((app for app in self.apps if app.id == app_id or app.name == name), None)


@cache
def applications() -> Applications:
    """Every application that ships, ordered by name.  Raises MalformedEntryError."""
    return Applications(tuple(_app(entry, where) for where, entry in entries("apps")))


def _app(entry: Entry, where: str) -> App:
    only(entry, KEYS, where)
    manifest: dict[str, Any] = {
        "acVersion": "1.2.0",
        "name": entry["name"],
        "displayName": entry["title"],
        "description": entry["description"],
        **entry["manifest"],
    }
    manifest["desc"] = {**manifest.get("desc", {}), "support": entry.get("run", NOT_RUN)}
    custom = manifest.get("configuration", {}).get("customConfig", {})
    _encode(custom, "template")
    _encode(manifest, "dockerComposeYamlText")
    figures = {r["name"]: str(r["value"]) for r in manifest.get("resources", ())}
    return App.from_json(
        {
            "id": stable_id("app", entry["name"]),
            "name": entry["name"],
            "title": entry["title"],
            "description": entry["description"],
            "userDefinedVersion": str(entry["release"]),
            "originType": Origin.GLOBAL.value,
            "revision": revision(entry.get("version", 1)).to_json(),
            "cpus": int(figures.get("cpus", "0")),
            "memory": int(figures.get("memory", "0")),
            "storage": int(figures.get("storage", "0")),
            "drives": len(manifest.get("images", ())),
            "networks": len(manifest.get("interfaces", ())),
            "manifestJSON": manifest,
        }
    )


def _encode(holder: dict[str, Any], member: str) -> None:
    if holder.get(member):
        holder[member] = base64.b64encode(holder[member].encode()).decode("ascii")
