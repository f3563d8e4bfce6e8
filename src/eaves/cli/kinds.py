"""The kinds of object a person names, and where the REST contract keeps them."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

import click


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.  `references` maps a key that holds a name to (key that holds the id, kind)."""

    name: str
    path: str  # below /api
    aliases: tuple[str, ...] = ()
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    defaults: Mapping[str, object] = field(default_factory=dict[str, object])
    columns: tuple[tuple[str, str], ...] = ()  # heading, dotted path into the list entry
    status_columns: tuple[tuple[str, str], ...] = ()  # same, from the status of the object
    status_path: str = ""  # list of status objects, below /api


_PROJECT = {"project": ("projectId", "project")}

# In the order in which they must be made: each kind refers only to kinds above it.
KINDS: tuple[Kind, ...] = (
    Kind(
        "brand",
        "/v1/brands",
        ("brands",),
        defaults={"originType": "ORIGIN_LOCAL"},
        columns=(("TITLE", "title"),),
    ),
    Kind(
        "model",
        "/v1/sysmodels",
        ("models", "sysmodel", "sysmodels"),
        {"brand": ("brandId", "brand")},
        {"originType": "ORIGIN_LOCAL", "state": "SYS_MODEL_STATE_ACTIVE", "attr": {}},
        columns=(("ARCH", "type"), ("TITLE", "title")),
    ),
    Kind(
        "project",
        "/v1/projects",
        ("projects",),
        defaults={"type": "TAG_TYPE_PROJECT"},
        columns=(("TYPE", "type"), ("TITLE", "title")),
    ),
    Kind(
        "network",
        "/v1/networks",
        ("networks", "net"),
        _PROJECT,
        {"kind": "NETWORK_KIND_V4"},
        columns=(("KIND", "kind"), ("DHCP", "ip.dhcp")),
    ),
    Kind(
        "datastore",
        "/v1/datastores",
        ("datastores", "ds"),
        columns=(("TYPE", "dsType"), ("HOST", "dsFQDN"), ("STATUS", "dsStatus")),
    ),
    Kind(
        "image",
        "/v1/apps/images",
        ("images",),
        {"datastore": ("datastoreId", "datastore")},
        columns=(("FORMAT", "imageFormat"), ("URL", "imageRelUrl"), ("STATUS", "imageStatus")),
    ),
    Kind(
        "app",
        "/v1/apps",
        ("apps", "bundle", "bundles"),
        defaults={"originType": "ORIGIN_LOCAL"},
        columns=(("TYPE", "manifestJSON.appType"), ("TITLE", "title")),
    ),
    Kind(
        "device",
        "/v1/devices",
        ("devices", "node", "nodes", "edgenode"),
        {**_PROJECT, "model": ("modelId", "model")},
        {"adminState": "ADMIN_STATE_ACTIVE"},
        columns=(("SERIAL", "serialno"), ("ADMIN", "adminState")),
        status_columns=(("STATE", "runState"), ("LAST SEEN", "lastUpdate")),
        status_path="/v1/devices/status",
    ),
    Kind(
        "netinst",
        "/v1/netinsts",
        ("netinsts", "network-instance", "ni"),
        {**_PROJECT, "device": ("deviceId", "device")},
        columns=(("KIND", "kind"), ("PORT", "port")),
        status_columns=(("STATE", "runState"),),
        status_path="/v1/netinsts/status",
    ),
    Kind(
        "volume",
        "/v1/volumes/instances",
        ("volumes", "volume-instance"),
        {**_PROJECT, "device": ("deviceId", "device")},
        columns=(("TYPE", "type"), ("SIZE", "sizeBytes")),
        status_columns=(("STATE", "runState"),),
        status_path="/v1/volumes/instances/status",
    ),
    Kind(
        "instance",
        "/v1/apps/instances",
        ("instances", "app-instance", "app-instances", "appinst"),
        {**_PROJECT, "app": ("appId", "app"), "device": ("deviceId", "device")},
        {"activate": True},
        columns=(("APP TYPE", "appType"), ("WANTED", "activate")),
        status_columns=(("STATE", "runState"), ("SOFTWARE", "swState"), ("DEVICE", "deviceName")),
        status_path="/v1/apps/instances/status",
    ),
)

ORDER: Mapping[str, int] = {kind.name: n for n, kind in enumerate(KINDS)}


def find_kind(word: str) -> Kind:
    """By name or alias; a wrong word is answered with the nearest ones."""
    known = {alias: kind for kind in KINDS for alias in (kind.name, *kind.aliases)}
    kind = known.get(word.lower())
    if kind is not None:
        return kind
    near = difflib.get_close_matches(word.lower(), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"kinds: {', '.join(ORDER)}"
    raise click.ClickException(f"there is no kind {word!r}; {hint}")


class KindType(click.ParamType[Kind]):
    name = "kind"

    def convert(
        self, value: str | Kind, param: click.Parameter | None, ctx: click.Context | None
    ) -> Kind:
        return value if isinstance(value, Kind) else find_kind(value)


def at(value: object, dotted: str) -> object:
    """The part of a JSON value under `a.b.c`; None where a step is missing."""
    for step in dotted.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(step)  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] - JSON
    return value  # pyright: ignore[reportUnknownVariableType] - JSON
