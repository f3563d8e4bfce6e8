"""The OpenAPI document tells all that is served, and its page asks nobody else for anything."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.northbound import docs, openapi
from eaves.controller.northbound.coverage import endpoints, served
from eaves.controller.northbound.openapi import operations_in
from eaves.controller.northbound.operations import Operation, read_operations

ALIASES = {  # how clients spell operations that stand in the document under their own paths
    ("PUT", "/v1/devices/id//publish"),
    ("PUT", "/v1/devices/id//apply"),
    ("PUT", "/v1/devices/id/{}/Offboard"),
}


@pytest.fixture(scope="module", name="document")
def the_document() -> JsonObject:
    return cast("JsonObject", json.loads(openapi.text()))


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        if isinstance(members.get("$ref"), str):
            yield str(members["$ref"])
        for one in members.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from references(one)


def test_all_that_is_served_is_in_the_document(document: JsonObject) -> None:
    told = {
        (method, Operation("", method, path, "").shape)
        for method, path, _ in operations_in(document)
    }
    missing = {(method, "/".join(shape)) for method, shape in served() - told}
    assert missing == ALIASES
    assert not told - served()


def test_what_it_refers_to_is_there_and_names_are_told_once(document: JsonObject) -> None:
    for reference in set(references(document)):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]
    ids = [entry["operationId"] for _, _, entry in operations_in(document)]
    assert len(ids) == len(set(ids))


def test_operations_of_the_contract_tell_bodies_and_answers(document: JsonObject) -> None:
    known = {(one.method, one.path): one for one in read_operations()}
    seen = 0
    for method, path, entry in operations_in(document):
        operation = known.get((method, path))
        if operation is None:
            continue
        seen += 1
        answers = {status for status in entry["responses"] if status.startswith("2")}
        assert answers, path
        assert operation.service in entry["tags"] or "cloud/policies" in path
        in_path = {p["name"] for p in entry["parameters"] if p.get("in") == "path"}
        assert in_path == set(re.findall(r"\{([^}]+)\}", path)), path
    assert seen > 340
    create = document["paths"]["/api/v1/devices"]["post"]
    body = create["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/DeviceConfig"}
    device = document["components"]["schemas"]["DeviceConfig"]
    assert {"name", "title", "modelId", "projectId"} <= set(device["required"])


def test_additions_of_ours_tell_their_bodies(document: JsonObject) -> None:
    made = document["paths"]["/api/v1/eaves/rollouts"]["post"]["requestBody"]["content"]
    assert made["application/json"]["schema"]["$ref"].endswith("/RolloutSpec")
    assert "waves" in document["components"]["schemas"]["RolloutSpec"]["properties"]
    assert any(one.takes is not None for one in endpoints())


def test_only_what_anybody_may_ask_needs_no_token(document: JsonObject) -> None:
    open_to_all = {path for _, path, entry in operations_in(document) if "security" in entry}
    assert "/v1/login" in open_to_all
    assert not {"/v1/devices", "/v1/users"} & open_to_all
    assert document["security"] == [{"token": []}]


async def test_the_page_and_all_that_it_loads_come_from_here() -> None:
    app = FastAPI(openapi_url=None)
    docs.install(app)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://controller") as client:
        page = await client.get("/api/docs")
        assert page.status_code == 200
        loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
        assert len(loaded) == 4
        for address in loaded:
            if address != "data:,":
                assert address.startswith("/api/docs/"), address
                assert (await client.get(address)).status_code == 200, address
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert not re.search(r"https?:|\*", policy)
        program = (await client.get(docs.PROGRAM)).text
        assert docs.DOCUMENT in program
        assert "validatorUrl: null" in program  # else the page asks a service on the Internet
        assert (await client.get(docs.DOCUMENT)).json()["openapi"].startswith("3.")
        assert (await client.get("/api/docs/files/%2e%2e/core.py")).status_code == 404
