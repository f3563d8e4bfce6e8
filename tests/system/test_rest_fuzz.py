"""Whatever is sent to whatever operation is done or refused; the controller never fails on it.

Two sorts of requests: those that schemathesis makes of the OpenAPI document, fitting it and not,
for every operation; and known objects with one member after the other replaced by something odd.
FUZZ_EXAMPLES says how many of each.  Without it, a run of all tests tries each sixth operation and
each fourth place of an object, the same ones every time.
"""

import asyncio
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, cast

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from requests.exceptions import RequestException
from schemathesis import Case, GenerationMode
from schemathesis.core.control import SkipTest
from schemathesis.core.result import Err
from support.rest import Json
from support.rest_objects import BASES
from system.test_rest_sweep import Site, filled, open_site, served

from eaves.controller.northbound import openapi
from eaves.controller.northbound.operations import Operation

pytestmark = pytest.mark.system

Described = schemathesis.APIOperation[Any, Any, Any, Any]

FEW: Final = 2
EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", str(FEW)))
ANSWERED_WITHIN_S: Final = 20
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE")
LAST: Final = ("/v1/logout", "/self", "/totp", "/tokens", "/session")  # what may end the session
ODD: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    1e308,
    "",
    " ",
    "\0",
    "\ud800",
    "a" * 5000,
    "../../etc/passwd",
    "{{7*7}} ${7*7} %s %n",
    "'; DROP TABLE objects; --",
    "2026-13-45T99:99:99Z",
    "MQ=",
    "999.999.999.999/99",
    list[object](),
    [None],
    [["x"]],
    dict[str, object](),
    {"": ""},
    {"list": {"list": [0]}},
)


class Sender:
    """Sends as alice, who logs in again when a request ended her session."""

    def __init__(self, site: Site) -> None:
        self.site, self.faults = site, list[str]()
        self._token = ""

    async def send(self, method: str, url: str, what: str = "", **more: Any) -> None:
        if not self._token:
            self._token = await self.site.rest.login("alice")
        async with self.site.rest.client(self._token) as http, asyncio.timeout(ANSWERED_WITHIN_S):
            answer = await http.request(method, url, **more)
        if answer.status_code == 401:
            self._token = ""
        self.faults += faults_of(answer, what)


def faults_of(answer: httpx.Response, what: str) -> list[str]:
    asked = answer.request
    sent = asked.content[:300].decode("utf-8", "replace")
    told = f"{asked.method} {asked.url} {what} {sent}: {answer.status_code} {answer.text[:300]}"
    if answer.status_code >= 500:
        return [told]
    if answer.status_code >= 400 and asked.method != "HEAD":
        envelope = answer.json()
        if envelope["httpStatusCode"] != answer.status_code or not envelope["error"]:
            return [f"no envelope: {told}"]
    return []


def known_parts(site: Site) -> Mapping[tuple[str, tuple[str, ...]], dict[str, str]]:
    """By method and shape of a path: what names objects that there are."""
    found: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}
    for method, template in served(site.rest):
        parts = zip(template.split("/"), filled(site, template).split("/"), strict=True)
        values = {str(n): value for n, (part, value) in enumerate(parts) if part.startswith("{")}
        found[method, Operation("", method, template, "").shape] = values
    return found


def named(template: str, values: Mapping[str, str]) -> dict[str, str]:
    parts = template.removeprefix("/api").split("/")
    return {parts[int(n)].strip("{}"): value for n, value in values.items()}


def prepared(case: Case[Any]) -> requests.PreparedRequest | None:
    """None for what no client can put into a request."""
    try:
        return requests.Request(**case.as_transport_kwargs(base_url="https://controller")).prepare()
    except (RequestException, UnicodeError, ValueError):
        return None


def without_request_ids() -> Json:
    """The document; a header that every operation has costs much and finds nothing."""
    document: Json = json.loads(openapi.text())
    for _, _, entry in openapi.operations_in(document):
        entry["parameters"] = [
            one
            for one in entry["parameters"]
            if not str(one.get("$ref", "")).endswith("X-Request-Id")
        ]
    return document


def in_order(operation: Described) -> tuple[bool, int, str]:
    last = operation.path.endswith(LAST)
    return last, METHODS.index(operation.method.upper()), operation.path


def test_no_operation_fails_on_what_schemathesis_makes(tmp_path: Path) -> None:
    schema: Any = schemathesis.openapi.from_dict(without_request_ids())
    found: list[Any] = list(schema.get_all_operations())
    assert not [one for one in found if isinstance(one, Err)]
    operations: list[Any] = sorted((one.ok() for one in found), key=in_order)
    asked: set[str] = set()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        site = runner.run(stack.enter_async_context(open_site(tmp_path)))
        sender, parts = Sender(site), known_parts(site)
        turns = itertools.cycle((itemgetter(0), itemgetter(1)))

        def try_out(case: Case[Any]) -> None:
            request = prepared(case)
            if request is None or request.url is None:
                return
            asked.add(case.operation.label)
            headers = {
                name: value
                for name, value in request.headers.items()
                if name.lower() not in ("authorization", "content-length")
            }
            runner.run(
                sender.send(case.method, request.url, headers=headers, content=request.body or b"")
            )

        bounded = settings(
            max_examples=EXAMPLES,
            derandomize=EXAMPLES == FEW,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[
                HealthCheck.data_too_large,
                HealthCheck.filter_too_much,
                HealthCheck.too_slow,
                HealthCheck.large_base_example,
            ],
        )
        try:
            for operation in operations if EXAMPLES > FEW else operations[::6]:
                path = operation.path.removeprefix("/api")
                method = operation.method.upper()
                values = parts[method, Operation("", method, path, "").shape]
                sorts = (
                    (GenerationMode.POSITIVE, named(operation.path, values)),
                    (GenerationMode.NEGATIVE, None),
                )
                for mode, ids in sorts if EXAMPLES > FEW else (next(turns)(sorts),):
                    cases: SearchStrategy[Case[Any]] = operation.as_strategy(
                        generation_mode=mode, path_parameters=ids
                    )
                    try:
                        bounded(given(cases)(try_out))()
                    except (Unsatisfiable, SkipTest):
                        continue  # nothing that is sent there can be wrong
        finally:
            runner.run(stack.aclose())
    assert not sender.faults, "\n".join(sender.faults)
    if EXAMPLES > FEW:
        assert asked == {operation.label for operation in operations}


def places(value: object, at: str = "") -> Iterator[str]:
    """Each place of a body, as `member[0].member`."""
    if at:
        yield at
    if isinstance(value, dict):
        for name, one in cast("Json", value).items():
            yield from places(one, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for index, one in enumerate(cast("list[object]", value)):
            yield from places(one, f"{at}[{index}]")


def replaced(body: Json, at: str, odd: object) -> Json:
    copy = cast("Json", json.loads(json.dumps(body)))
    *way, last = (int(i) if i else name for name, i in re.findall(r"([^.\[\]]+)|\[(\d+)\]", at))
    holder: Any = copy
    for step in way:
        holder = holder[step]
    holder[last] = odd
    return copy


async def test_no_object_is_too_odd_to_be_refused(tmp_path: Path) -> None:
    odd_values = itertools.cycle(ODD)
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(open_site(tmp_path))
        sender = Sender(site)
        for kind, base in BASES.items():
            body = {**site.bodies[kind]}
            body.pop("revision", None)
            path = f"{base}/id/{site.ids[kind]}"
            every = [*places(body), *("aMemberOfItsOwn", "id")]
            for at in every if EXAMPLES > FEW else every[::4]:
                for odd in itertools.islice(odd_values, min(EXAMPLES - 1, len(ODD))):
                    sent = json.dumps(replaced(body, at, odd))
                    json_type = {"Content-Type": "application/json"}
                    await sender.send("PUT", path, at, content=sent, headers=json_type)
    assert not sender.faults, "\n".join(sender.faults)
