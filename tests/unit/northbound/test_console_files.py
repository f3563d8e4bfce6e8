"""The files of the console: the page for every view, hashed files for ever, nothing else."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from eaves.controller.northbound.console import FOR_EVER, PAGE, POLICY, Console, Files

SCRIPT = "export const a = 1;\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "index-Ab12.js").write_text(SCRIPT)
    (folder / "assets" / "index-Ab12.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (folder / "assets" / "small-Cd34.js").write_text("0")
    (folder / PAGE).write_text("<!doctype html><title>Eaves</title>")
    (tmp_path / "secret.txt").write_text("beside the folder")
    return folder


async def _api(_request: Request) -> Response:
    return PlainTextResponse("the API")


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/api/v1/devices", _api), Route("/oauth/callback", _api)])
    transport = httpx.ASGITransport(app=Console(app, Files(folder)))
    async with httpx.AsyncClient(transport=transport, base_url="https://controller") as http:
        yield http


@pytest.mark.parametrize("path", ["/", "/nodes", "/nodes/id/7?tab=logs", "/index.html"])
async def test_every_view_is_the_page_under_its_policy(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert "<title>Eaves</title>" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_page_that_is_known_is_not_sent_again(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/")).headers["etag"]
    again = await client.get("/nodes", headers={"If-None-Match": f'W/{tag}, "other"'})
    assert (again.status_code, again.content) == (304, b"")


async def test_hashed_files_are_kept_for_ever_and_packed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/index-Ab12.js")
    assert answer.text == SCRIPT
    assert answer.headers["cache-control"] == FOR_EVER
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    plain = await client.get("/assets/index-Ab12.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    head = await client.head("/assets/index-Ab12.js")
    assert (head.status_code, head.content) == (200, b"")


async def test_what_the_build_did_not_pack_is_sent_as_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/small-Cd34.js")
    assert (answer.status_code, answer.text) == (200, "0")
    assert "content-encoding" not in answer.headers
    assert (await client.get("/assets/index-Ab12.js.gz")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/assets/index-Old0.js", "/favicon.ico", "/api/v1/no"),
        *("/../secret.txt", "/%2e%2e/secret.txt", "/..%2f..%2fetc%2fpasswd"),
    ],
)
async def test_what_is_no_file_of_it_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "beside the folder" not in answer.text


async def test_the_api_and_what_writes_pass_through(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/devices")).text == "the API"
    assert (await client.get("/oauth/callback?code=x")).text == "the API"
    assert (await client.post("/nodes")).status_code == 404


async def test_without_a_build_one_line_says_so_until_there_is_one(
    client: httpx.AsyncClient, folder: Path
) -> None:
    page = (folder / PAGE).read_bytes()
    (folder / PAGE).unlink()
    absent = await client.get("/")
    assert absent.status_code == 404
    assert absent.text.count("\n") == 1
    assert "make console" in absent.text
    assert (await client.get("/nodes")).status_code == 404
    (folder / PAGE).write_bytes(page)
    assert (await client.get("/")).status_code == 200
