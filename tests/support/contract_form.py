"""The published contract in the form in which it ships: JSON Schema, one entry to a line.

The published files have a short form of their own; where their schemas and the clients that are in
use differ, what the clients send and read counts, and the difference stands in a table here.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

Json = dict[str, Any]

LATER: Final = ("kubernetes", "node_cluster")
SCHEMAS: Final = "#/components/schemas/"
PAGING: Final = ("next.", "Cursor.")
ENVELOPE: Final = "ZsrvResponse"
BY_THE_CLIENTS: Final[Mapping[tuple[str, str], Json]] = {
    ("drive", "maxsize"): {"type": "string", "format": "uint64"},
    ("ProfileVolumeConfig", "sizeBytes"): {"type": "string", "format": "uint64"},
    ("VolInstConfig", "sizeBytes"): {"type": "string", "format": "uint64"},
    ("VolInstConfigUpdate_HttpRequest", "sizeBytes"): {"type": "string", "format": "uint64"},
    ("VolumeInstConfig", "sizeBytes"): {"type": "string", "format": "uint64"},
    ("Role", "projectTags"): {"type": "object", "additionalProperties": {"type": "string"}},
    ("tagConfigStatus", "networkDeviceDefault"): {"type": "string"},
}
WRAPPED: Final = ("CrudResponse", "CrudResponseRead")  # clients read what these would hold
READ_THERE: Final = {
    "/v1/authorization/profiles": "AuthorizationProfile",
    "/v1/enterprises": "Enterprise",
    "/v1/realms": "Realm",
    "/v1/roles": "Role",
    "/v1/users": "DetailedUser",
}
LISTED_THERE: Final = {
    "/v1/entitlements/allowedenterprises": "AllowedEnterpriseList",
    "/v1/reports/allowedenterprises": "AllowedEnterpriseList",
    "/v1/roles": "Roles",
}
TEXTS: Final = ("minLength", "maxLength", "pattern")
NUMBERS: Final = ("minimum", "maximum")
UNCLOSED: Final = re.compile(r"\{\d+$")  # a pattern that was cut off
MISPRINT: Final = "[a-zA-Z0-9][a-zA-Z0-9_.-]+a"  # no id of the service itself would fit


def shipped_form(operations: list[Json], schemas: Mapping[str, Json]) -> str:
    """The whole file, for the services of this release."""
    entries: dict[str, Json] = {}
    for one in operations:
        key = f"{one['method']} {one['path']}"
        if one["service"] not in LATER and key not in entries:  # five stand in two services
            entries[key] = _operation(one, schemas)
    needed = _reached(entries, schemas)
    return (
        '{"operations": {\n'
        + ",\n".join(_lines(entries))
        + '\n}, "schemas": {\n'
        + ",\n".join(_lines(needed))
        + "\n}}\n"
    )


def _lines(entries: Mapping[str, Json]) -> Iterator[str]:
    for name in sorted(entries):
        told = json.dumps(entries[name], separators=(",", ":"), sort_keys=True)
        yield f"{json.dumps(name)}: {told}"


def _operation(one: Json, schemas: Mapping[str, Json]) -> Json:
    parameters: list[Json] = []
    paging = ""
    for param in one["params"]:
        name = str(param["name"])
        if name == "X-Request-Id":
            continue
        if name.startswith(PAGING):
            paging = name.partition(".")[0] + "."
        elif param["in"] != "formData":
            told = {"name": name, "in": param["in"], "schema": _schema(param)}
            parameters.append(told | ({"required": True} if param.get("required") else {}))
    entry: Json = {"service": one["service"], "id": one["operationId"], "parameters": parameters}
    if paging:
        entry["paging"] = paging
    if one.get("consumes"):
        entry["form"] = [p["name"] for p in one["params"] if p["in"] == "formData"]
    if body := one.get("body"):
        entry["body"] = _body(body, schemas)
    answers: Mapping[str, Any] = one["responses"]
    entry["answers"] = {
        status: _answer(one, said) for status, said in answers.items() if status.startswith("2")
    }
    for status in map(str, one.get("providerAccepts", ())):  # what its client is content with
        entry["answers"].setdefault(status, _answer(one, answers["200"]))
    entry["refusals"] = [
        status
        for status, said in answers.items()
        if status.startswith(("4", "5")) and said == ENVELOPE
    ]
    return entry


def _body(body: Json, schemas: Mapping[str, Json]) -> Json:
    """Inline bodies are a type of the contract without its id, which may be sent as well."""
    if "ref" in body:
        return {"$ref": SCHEMAS + body["ref"]}
    if "fields" not in body:
        return {"type": "string", "format": "binary"}
    fields: Mapping[str, Json] = body["fields"]

    def bare(members: Mapping[str, Json]) -> dict[str, Json]:
        return {name: {**m, "required": None} for name, m in members.items()}

    wanted = bare(fields)
    fitting = [
        name
        for name, schema in schemas.items()
        if wanted.items() <= bare(schema.get("fields", {})).items()
    ]
    if not fitting:
        return _object(fields)
    return {"$ref": SCHEMAS + min(fitting, key=lambda name: len(schemas[name]["fields"]))}


def _answer(one: Json, said: object) -> Json:
    method, path = one["method"], one["path"]
    if not isinstance(said, str):
        return {"type": "string", "format": "binary"}
    if said not in WRAPPED:
        return {"$ref": SCHEMAS + said}
    if method != "GET":
        return {"$ref": SCHEMAS + ENVELOPE}
    if path in LISTED_THERE:
        return {"$ref": SCHEMAS + LISTED_THERE[path]}
    base = next(base for base in READ_THERE if path == base or path.startswith(base + "/"))
    item = {"$ref": SCHEMAS + READ_THERE[base]}
    if path != base:
        return item
    members = {"list": {"type": "array", "items": item}, "next": {"$ref": SCHEMAS + "Cursor"}}
    return {"type": "object", "properties": members}


def _reached(entries: Mapping[str, Json], schemas: Mapping[str, Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    waiting = [ENVELOPE, "Cursor", *_references(list(entries.values()))]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _named(name, schemas[name])
            waiting += _references(found[name])
    return found


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in cast("Json", value).items():
            if key == "$ref":
                yield str(one).removeprefix(SCHEMAS)
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _references(one)


def _named(name: str, schema: Json) -> Json:
    if "enum" in schema:
        return {"type": "string", "enum": schema["enum"]}
    fields = dict(cast("Json", schema.get("fields", {})))
    for variant in schema.get("variants", ()):  # services say it in more than one way
        for member, field in variant.get("fields", {}).items():
            fields.setdefault(member, field)
    told = _object(fields)
    for member in fields:
        if (name, member) in BY_THE_CLIENTS:
            told["properties"][member] = BY_THE_CLIENTS[name, member]
    if name == "appInterface":
        told["properties"]["privateip"] = {"type": ["boolean", "string"]}
    return told


def _object(fields: Mapping[str, Json]) -> Json:
    told: Json = {"type": "object"}
    if fields:
        told["properties"] = {name: _schema(field) for name, field in fields.items()}
    required = sorted(name for name, field in fields.items() if field.get("required"))
    return told | ({"required": required} if required else {})


def _schema(field: Json) -> Json:
    if "ref" in field:
        return {"$ref": SCHEMAS + field["ref"]}
    if "map" in field:
        return {"type": "object", "additionalProperties": _schema(field["map"])}
    kind, form = str(field.get("type", "object")), str(field.get("format", ""))
    if kind == "array":
        return {"type": "array", "items": _schema(field.get("items", {}))}
    if form == "date-time":
        return {"type": "string", "format": form}
    if kind == "number" and form.startswith(("int", "uint")):
        kind = "integer"
    told: Json = {"type": kind} | ({"format": form} if form else {})
    if "enum" in field:
        told["enum"] = field["enum"]
    bounds = TEXTS if kind == "string" else NUMBERS if kind in ("integer", "number") else ()
    told |= {name: field[name] for name in bounds if name in field}
    if UNCLOSED.search(told.get("pattern", "")):
        told["pattern"] += "}"
    if told.get("pattern") == MISPRINT:
        told["pattern"] = MISPRINT.removesuffix("a")
    return told | ({"readOnly": True} if field.get("readOnly") else {})
