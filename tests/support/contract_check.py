"""Requests and answers against the schemas of the contract, as they ship.

Members that no schema has are faults too, but for those that are additions of ours.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, cast

import httpx
import jsonschema_rs
from support.rest import Json

from eaves.controller.northbound import openapi
from eaves.controller.northbound.operations import Operation

COUNTS: Final = ("devicesByState", "appInstancesByState")
OURS: Final[Mapping[str, tuple[str, ...]]] = {  # by schema: members that we tell beside its own
    "AppInstStatusSummaryMsg": ("errInfo", "lastUpdate"),
    "appInstConfigStatus": ("adminState", "errInfo", "lastUpdate", "tags", "title"),
    "DeviceConfig": ("attestation",),
    "deviceStatusConfig": (
        *("attestedAt", "attestationStale"),
        *("devError", "lastUpdate", "netStatusList", "tags"),
    ),
    "DeviceInfoMsg": ("attestedAt", "attestationStale"),
    "DeviceStatusMsg": ("attestedAt", "attestationStale"),
    "DeviceStatusSummaryMsg": ("attestedAt", "attestationStale", "lastUpdate"),
    "EventQueryResponseItem": ("id",),
    "NetInstConfigStatus": ("errInfo",),
    "NetInstConfigStatusList": ("summaryByState",),
    "NetInstStatusListMsg": ("summaryByState",),
    "NetInstStatusSummaryMsg": ("errInfo",),
    "PatchStatusListMsg": ("summaryByState",),
    "PingMsgSendResp": ("status",),
    "tagConfigStatus": COUNTS,
    "TagStatusMsg": COUNTS,
    "VolInstStatusSummaryMsg": ("errInfo",),
}
EVERYWHERE: Final = ("totalCount",)  # of lists
TYPE: Final = "urn:contract#/components/schemas/"


class Checked:
    """What the document says, as something to compare with."""

    def __init__(self) -> None:
        document: Json = json.loads(openapi.text())
        self._operations = {
            (method, Operation("", method, path, "").shape): entry
            for method, path, entry in openapi.operations_in(document)
        }
        schemas: Json = document["components"]["schemas"]
        self._answers: dict[tuple[str, tuple[str, ...], str], str] = {}
        for (method, shape), entry in self._operations.items():
            for status, schema in _answers(entry):
                name = self._answers[method, shape, status] = f"Answer{len(self._answers)}"
                schemas[name] = schema
        strict = {
            name: schema if name.startswith("Answer") else _closed(schema, OURS.get(name, ()))
            for name, schema in schemas.items()
        }
        self._strict = jsonschema_rs.Registry(
            [("urn:contract", {"components": {"schemas": strict}})]
        )
        loose = {name: _forgiving(schema) for name, schema in schemas.items()}
        self._loose = jsonschema_rs.Registry([("urn:contract", {"components": {"schemas": loose}})])

    def of(self, method: str, template: str) -> Json | None:
        """None for a spelling that clients have of an operation of another name."""
        return self._operations.get((method, Operation("", method, template, "").shape))

    def faults_of_request(self, method: str, template: str, body: object) -> list[str]:
        """What is wrong with a JSON body; null counts as absent."""
        entry = self.of(method, template)
        described: Json = {} if entry is None else entry.get("requestBody", {})
        content: Json = described.get("content", {})
        if "application/json" not in content:
            return []
        schema: Json = content["application/json"]["schema"]
        name = str(schema.get("$ref", "")).removeprefix(openapi.SCHEMAS)
        if not name:
            return []
        return self._faults(self._loose, name, without_nulls(body))

    def faults_of_answer(self, method: str, template: str, answer: httpx.Response) -> list[str]:
        """Status, envelope and body."""
        entry, status = self.of(method, template), str(answer.status_code)
        if method == "HEAD":
            return []
        if answer.status_code >= 400:
            return self._faults(self._loose, "ZsrvResponse", answer.json())
        if entry is None:
            return []
        if status not in entry["responses"]:
            return [f"status {status}, but the contract has {', '.join(entry['responses'])}"]
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return []
        shape = Operation("", method, template, "").shape
        return self._faults(self._strict, self._answers[method, shape, status], answer.json())

    @staticmethod
    def _faults(registry: jsonschema_rs.Registry, name: str, value: object) -> list[str]:
        found = _validator(registry, name).iter_errors(cast("Any", value))
        return list(dict.fromkeys(f"{_place(one)}: {one.message[:300]}" for one in found))


@cache
def _validator(registry: jsonschema_rs.Registry, name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for({"$ref": TYPE + name}, registry=registry)


def _place(error: jsonschema_rs.ValidationError) -> str:
    """The same for every entry of a list."""
    return ".".join("*" if isinstance(one, int) else str(one) for one in error.instance_path)


def _answers(entry: Json) -> Iterator[tuple[str, Json]]:
    for status, said in entry["responses"].items():
        if status.startswith("2"):
            yield status, said["content"].get("application/json", {}).get("schema", {})


def _forgiving(schema: Json) -> Json:
    """What is at its zero value may stay away, or stand there empty."""
    if "properties" not in schema or "additionalProperties" in schema:
        return schema
    known = {name: _or_empty(one) for name, one in schema["properties"].items()}
    return {"type": "object", "properties": known}


def _closed(schema: Json, ours: tuple[str, ...]) -> Json:
    """Without members that it does not name."""
    told = _forgiving(schema)
    if told is schema:
        return schema
    known = told["properties"] | dict.fromkeys((*ours, *EVERYWHERE), True)
    return {**told, "properties": known, "additionalProperties": False}


def _or_empty(schema: Json) -> Json:
    if schema.get("type") != "string" or not {"pattern", "minLength"} & set(schema):
        return schema
    return {"anyOf": [{"const": ""}, schema]}


def without_nulls(value: object) -> object:
    if isinstance(value, dict):
        members = cast("Json", value).items()
        return {name: without_nulls(one) for name, one in members if one is not None}
    if isinstance(value, list):
        return [without_nulls(one) for one in cast("list[object]", value)]
    return value
