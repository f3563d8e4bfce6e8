"""The kinds of object a person names, and where the REST contract keeps them."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

import click

from eaves.cli.json_values import is_object


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: `path` is a dotted path into the object or, `of_status`, its status."""

    heading: str
    path: str
    of_status: bool = False
    form: str = ""  # "age", "size" or "errors"; else as it is
    sparse: bool = False  # left out when no row has a value


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.  `references` maps a key that holds a name to (key that holds the id, kind)."""

    name: str
    path: str  # below /api
    aliases: tuple[str, ...] = ()
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    defaults: Mapping[str, object] = field(default_factory=dict[str, object])
    columns: tuple[Column, ...] = ()
    has_status: bool = False


_PROJECT = {"project": ("projectId", "project")}
_STATE = Column("STATE", "runState", of_status=True)
_DEVICE = Column("DEVICE", "deviceName", of_status=True)
_ERROR = Column("ERROR", "errInfo", of_status=True, form="errors", sparse=True)

# In the order in which they must be made: each kind refers only to kinds above it.
KINDS: tuple[Kind, ...] = (
    Kind(
        "brand",
        "/v1/brands",
        ("brands",),
        defaults={"originType": "ORIGIN_LOCAL"},
        columns=(Column("TITLE", "title"),),
    ),
    Kind(
        "model",
        "/v1/sysmodels",
        ("models", "sysmodel", "sysmodels"),
        {"brand": ("brandId", "brand")},
        {"originType": "ORIGIN_LOCAL", "state": "SYS_MODEL_STATE_ACTIVE", "attr": {}},
        columns=(Column("ARCH", "type"), Column("TITLE", "title")),
    ),
    Kind(
        "project",
        "/v1/projects",
        ("projects",),
        defaults={"type": "TAG_TYPE_PROJECT"},
        columns=(Column("TYPE", "type"), Column("TITLE", "title")),
    ),
    Kind(
        "network",
        "/v1/networks",
        ("networks", "net"),
        _PROJECT,
        {"kind": "NETWORK_KIND_V4"},
        columns=(Column("KIND", "kind"), Column("DHCP", "ip.dhcp")),
    ),
    Kind(
        "datastore",
        "/v1/datastores",
        ("datastores", "ds"),
        columns=(
            Column("TYPE", "dsType"),
            Column("STATUS", "dsStatus"),
            Column("HOST", "dsFQDN"),
        ),
    ),
    Kind(
        "image",
        "/v1/apps/images",
        ("images",),
        {"datastore": ("datastoreId", "datastore")},
        columns=(
            Column("FORMAT", "imageFormat"),
            Column("SIZE", "imageSizeBytes", form="size"),
            Column("STATUS", "imageStatus"),
            Column("URL", "imageRelUrl"),
        ),
    ),
    Kind(
        "app",
        "/v1/apps",
        ("apps", "bundle", "bundles"),
        defaults={"originType": "ORIGIN_LOCAL"},
        columns=(Column("TYPE", "manifestJSON.appType"), Column("TITLE", "title")),
    ),
    Kind(
        "device",
        "/v1/devices",
        ("devices", "node", "nodes", "edgenode"),
        {**_PROJECT, "model": ("modelId", "model")},
        {"adminState": "ADMIN_STATE_ACTIVE"},
        columns=(
            _STATE,
            Column("LAST SEEN", "lastUpdate", of_status=True, form="age"),
            Column("SERIAL", "serialno"),
            Column("ADMIN", "adminState"),
            Column("ERROR", "devError", of_status=True, form="errors", sparse=True),
        ),
        has_status=True,
    ),
    Kind(
        "appprofile",
        "/v1/appprofiles",
        ("appprofiles", "profile", "profiles"),
        columns=(Column("TITLE", "title"),),
    ),
    Kind(
        "assetgroup",
        "/v1/assetgroups",
        ("assetgroups", "group", "groups"),
        _PROJECT,
        columns=(Column("TITLE", "title"),),
    ),
    Kind(
        "profiledeployment",
        "/v1/profiledeployments",
        ("profiledeployments",),
        _PROJECT,
        columns=(Column("VERSION", "appProfileInfo.version"), Column("TITLE", "title")),
    ),
    Kind(
        "netinst",
        "/v1/netinsts",
        ("netinsts", "network-instance", "ni"),
        {**_PROJECT, "device": ("deviceId", "device")},
        columns=(_STATE, _DEVICE, Column("KIND", "kind"), Column("PORT", "port"), _ERROR),
        has_status=True,
    ),
    Kind(
        "volume",
        "/v1/volumes/instances",
        ("volumes", "volume-instance"),
        {**_PROJECT, "device": ("deviceId", "device")},
        columns=(
            _STATE,
            _DEVICE,
            Column("TYPE", "type"),
            Column("SIZE", "sizeBytes", form="size"),
            _ERROR,
        ),
        has_status=True,
    ),
    Kind(
        "instance",
        "/v1/apps/instances",
        ("instances", "app-instance", "app-instances", "appinst"),
        {**_PROJECT, "app": ("appId", "app"), "device": ("deviceId", "device")},
        {"activate": True},
        columns=(
            _STATE,
            Column("SOFTWARE", "swState", of_status=True),
            _DEVICE,
            Column("TYPE", "appType"),
            Column("ACTIVE", "activate"),
            _ERROR,
        ),
        has_status=True,
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
    meant = dict.fromkeys(known[alias].name for alias in near)
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"kinds: {', '.join(ORDER)}"
    raise click.ClickException(f"there is no kind {word!r}; {hint}")


class KindType(click.ParamType[Kind]):
    """A kind on the command line; `only` where a command makes sense for a few."""

    name = "kind"

    def __init__(self, *only: str) -> None:
        self._only = only

    def convert(
        self, value: str | Kind, param: click.Parameter | None, ctx: click.Context | None
    ) -> Kind:
        try:
            kind = value if isinstance(value, Kind) else find_kind(value)
        except click.ClickException as error:
            self.fail(error.message, param, ctx)
        if self._only and kind.name not in self._only:
            self.fail(f"not for a {kind.name}; for {', '.join(self._only)}", param, ctx)
        return kind

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return "|".join(self._only) if self._only else None


def at(value: object, dotted: str) -> object:
    """The part of a JSON value under `a.b.c`; None where a step is missing."""
    for step in dotted.split("."):
        if not is_object(value):
            return None
        value = value.get(step)
    return value
