"""The OpenAPI document of what is served.

What the contract has, `contract.json` describes: parameters, bodies and answers as JSON Schema, one
entry to a line.  Additions of ours are described from their routes.  The document is made when
the package is built and ships in it; in a checkout it is made when it is first asked for.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, cast

from eaves import __version__
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.northbound.operations import BASE_PATH, Operation

HERE: Final = "eaves.controller.northbound"
PACKAGED: Final = "openapi.json"
SCHEMAS: Final = "#/components/schemas/"
PARAMETERS: Final = "#/components/parameters/"
REFUSAL: Final[JsonObject] = {"$ref": "#/components/responses/Refusal"}
ENVELOPE: Final[JsonObject] = {"$ref": SCHEMAS + "ZsrvResponse"}
ANY_JSON: Final[JsonObject] = {}
BINARY: Final[JsonObject] = {"type": "string", "format": "binary"}
JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
CURSOR: Final[Mapping[str, JsonObject]] = {
    "pageSize": {"type": "integer", "minimum": 0, "maximum": 10_000},
    "pageNum": {"type": "integer", "minimum": 0},
    "pageToken": {"type": "string"},
    "totalPages": {"type": "integer", "minimum": 0},
    "orderBy": {"type": "array", "items": {"type": "string"}},
}
ABOUT: Final = (
    "The REST side of an Eaves controller. Log in with `POST /api/v1/login`; the answer has the "
    "token at `token.base64`, which each other request sends as `Authorization: Bearer`."
)


@dataclass(frozen=True, slots=True)
class Served:
    """One endpoint as its route has it."""

    method: str
    path: str  # a template below the base path
    about: str  # one sentence for people; may be empty
    open: bool  # to anybody, without a token
    takes: type[Contract] | None = None  # of an addition of ours
    gives: str = ""  # as these three, see Route
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()

    @property
    def shape(self) -> tuple[str, ...]:
        return Operation("", self.method, self.path, "").shape


@cache
def text() -> str:
    """The document, as JSON."""
    packaged = resources.files(HERE).joinpath(PACKAGED)
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return made_text()


def made_text() -> str:
    from eaves.controller.northbound.coverage import (  # noqa: PLC0415 - it knows every route
        endpoints,
    )

    return json.dumps(document(endpoints()), separators=(",", ":"), sort_keys=True)


@cache
def contract() -> JsonObject:
    """`operations` by method and path, and `schemas` by name."""
    told = resources.files(HERE).joinpath("contract.json").read_text(encoding="utf-8")
    return cast("JsonObject", json.loads(told))


def document(served: Iterable[Served]) -> JsonObject:
    """The OpenAPI 3.1 document of these endpoints."""
    known = _by_shape()
    schemas: JsonObject = dict(contract()["schemas"])
    paths: dict[str, JsonObject] = {}
    for one in served:
        said = known.get((one.method, one.shape))
        if said is None and _is_a_spelling(one, known):
            continue
        path, entry = _operation(one, said) if said is not None else _addition(one, schemas)
        paths.setdefault(BASE_PATH + path, {})[one.method.lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {"title": "Eaves", "version": __version__, "description": ABOUT},
        "paths": paths,
        "security": [{"token": []}],
        "components": {
            "schemas": schemas,
            "parameters": _common_parameters(),
            "responses": {
                "Refusal": {
                    "description": "Refused or failed; `error` has every reason",
                    "content": {JSON: {"schema": ENVELOPE}},
                }
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _by_shape() -> dict[tuple[str, tuple[str, ...]], tuple[str, JsonObject]]:
    """Path and description of each operation of the contract."""
    found: dict[tuple[str, tuple[str, ...]], tuple[str, JsonObject]] = {}
    for key, entry in contract()["operations"].items():
        method, path = key.split(" ")
        found[method, Operation("", method, path, "").shape] = path, entry
    return found


def _is_a_spelling(one: Served, known: Mapping[tuple[str, tuple[str, ...]], object]) -> bool:
    """A path that clients write for an operation that has another one."""
    first, *parts = one.shape
    same = (first, *(part.lower() or "{}" for part in parts))
    return (one.method, same) in known


def _common_parameters() -> JsonObject:
    found: JsonObject = {
        "X-Request-Id": {
            "name": "X-Request-Id",
            "in": "header",
            "schema": {"type": "string", "maxLength": 128},
        }
    }
    for prefix in ("next.", "Cursor."):
        for name, schema in CURSOR.items():
            found[prefix + name] = {"name": prefix + name, "in": "query", "schema": schema}
    return found


def _operation(one: Served, said: tuple[str, JsonObject]) -> tuple[str, JsonObject]:
    path = said[0]
    entry: JsonObject = said[1]
    name = str(entry["id"]).rpartition("_")[2]
    named = dict(zip(_names_in(path), _names_in(one.path), strict=True))
    if any("." in name for name in named):  # no name that tools can put into a template
        path = one.path
        renamed = [{**p, "name": named.get(p["name"], p["name"])} for p in entry["parameters"]]
        entry = {**entry, "parameters": renamed}
    parameters = [*entry["parameters"], {"$ref": PARAMETERS + "X-Request-Id"}]
    if "paging" in entry:
        parameters += [{"$ref": PARAMETERS + entry["paging"] + name} for name in CURSOR]
    told: JsonObject = {
        "operationId": entry["id"],
        "tags": [entry["service"]],
        "summary": _in_words(name),
        "parameters": parameters,
        "responses": {
            **{status: _success(schema) for status, schema in entry["answers"].items()},
            **dict.fromkeys(entry["refusals"], REFUSAL),
            "default": REFUSAL,
        },
    }
    if one.about:
        told["description"] = one.about
    if "body" in entry:
        told["requestBody"] = _body(entry["body"])
    elif "form" in entry:
        told["requestBody"] = _form(entry["form"])
    elif one.takes is not None:  # more than the contract has; it may stay away
        told["requestBody"] = {**_body({"type": "object"}), "required": False}
    return path, told | ({"security": []} if one.open else {})


def _names_in(path: str) -> list[str]:
    return re.findall(r"\{([^}]+)\}", path)


def _in_words(name: str) -> str:
    """`QueryEdgeNodes` as `Query edge nodes`."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|\d+", name)
    told = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)
    return told[:1].upper() + told[1:]


def _success(schema: JsonObject) -> JsonObject:
    binary = schema.get("format") == "binary"
    return {"description": "Done", "content": {BYTES if binary else JSON: {"schema": schema}}}


def _body(schema: JsonObject) -> JsonObject:
    binary = schema.get("format") == "binary"
    return {"required": True, "content": {BYTES if binary else JSON: {"schema": schema}}}


def _form(parts: Iterable[str]) -> JsonObject:
    names = list(parts)
    members = dict.fromkeys(names, BINARY)
    schema: JsonObject = {"type": "object", "properties": members, "required": names}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _addition(one: Served, schemas: JsonObject) -> tuple[str, JsonObject]:
    """An operation that the contract does not have."""
    told: JsonObject = {
        "operationId": f"{one.method.lower()}{re.sub('[^A-Za-z0-9]+', '_', one.path)}",
        "tags": ["eaves"],
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _names_in(one.path)
            ),
            *_optional("header", one.headers),
            *_optional("query", one.query),
            {"$ref": PARAMETERS + "X-Request-Id"},
        ],
        "responses": {"200": _success(ANY_JSON), "default": REFUSAL},
    }
    if one.gives:
        told["responses"]["200"]["content"][one.gives] = {"schema": {"type": "string"}}
    if one.about:
        told["summary"] = one.about
    if one.takes is not None:
        told["requestBody"] = _body(_own_schema(one.takes, schemas))
    return one.path, told | ({"security": []} if one.open else {})


def _optional(place: str, told: Iterable[tuple[str, str]]) -> Iterator[JsonObject]:
    for name, about in told:
        schema: JsonObject = {"type": "string"}
        yield {"name": name, "in": place, "description": about, "schema": schema}


def _own_schema(takes: type[Contract], schemas: JsonObject) -> JsonObject:
    """Of a type of ours; what the contract describes stays as the contract has it."""
    schema: dict[str, Any] = takes.model_json_schema(ref_template=SCHEMAS + "{model}")
    for name, part in {**schema.pop("$defs", {}), takes.__name__: schema}.items():
        schemas.setdefault(name, part)
    return {"$ref": SCHEMAS + takes.__name__}


def operations_in(document: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    """Method, path below the base path, and description of each operation."""
    for path, entries in document["paths"].items():
        for method, entry in entries.items():
            yield method.upper(), str(path).removeprefix(BASE_PATH), entry
