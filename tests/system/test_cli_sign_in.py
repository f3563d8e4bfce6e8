"""`eaves login` beyond a password: codes of an app, and a browser at a provider of identities."""

import asyncio
import base64
import re
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from support.cli import Cli
from support.controller import DEADLINE_S, Process, running
from support.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Browser,
    Provider,
    running_provider,
)

from eaves.controller.domain import totp
from eaves.controller.domain.builtin_roles import SYS_MONITOR

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

PASSWORD = "correct horse battery"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    async with running_provider(tmp_path_factory.mktemp("provider")) as started:
        await started.add_person("carol", [SYS_MONITOR])
        yield started


@dataclass(frozen=True)
class Site:
    process: Process
    cli: Cli

    @property
    def login(self) -> tuple[str, ...]:
        return ("login", self.cli.rest_url, "--ca", str(self.cli.root))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("controller")
    (folder / "password").write_text(PASSWORD)
    started = Process(
        folder / "state",
        *("--admin-password-file", str(folder / "password")),
        environment={"SSL_CERT_FILE": str(provider.authority)},
    )
    with running(started):
        yield started


@pytest.fixture
def site(process: Process, tmp_path: Path) -> Site:
    (tmp_path / "pw").write_text(PASSWORD)
    return Site(process, Cli.of(process, tmp_path))


async def _configure(site: Site, provider: Provider) -> None:
    await provider.add_client(f"{site.cli.rest_url}/oauth/callback")
    site.cli.ok(*site.login, "--password-file", "pw")
    token = site.cli.ok("token", "create").strip()
    async with httpx.AsyncClient(
        base_url=f"{site.cli.rest_url}/api",
        verify=ssl.create_default_context(cafile=site.cli.root),
        headers={"Authorization": f"Bearer {token}"},
    ) as http:
        role = (await http.get(f"/v1/roles/name/{SYS_MONITOR}")).json()["id"]
        made = await http.post(
            "/v1/authorization/profiles",
            json={
                "name": "company",
                "title": "Company",
                "type": "AUTH_TYPE_OAUTH",
                "active": True,
                "defaultRoleId": role,
                "oauthProfile": {
                    "OIDCEndPoint": provider.issuer,
                    "clientID": CLIENT_ID,
                    "clientSecret": CLIENT_SECRET,
                },
            },
        )
        assert made.status_code == 200, made.text


def _url_shown(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    line = child.stdout.readline()
    found = re.search(r"https://\S+", line)
    assert found is not None, line
    return found[0]


def _visit(url: str) -> httpx.Response:
    """As the browser does on its way back: the controller first, then the command."""
    return httpx.get(url, verify=False, follow_redirects=True)  # noqa: S501 - a person said yes


def _visit_as_chrome(url: str) -> httpx.Response:
    """As `_visit`; a connection is opened beforehand that nothing is sent over."""
    landed = httpx.get(url, verify=False)  # noqa: S501 - a person said yes
    there = urlsplit(landed.headers["location"])
    with socket.create_connection((str(there.hostname), there.port or 0)):
        return httpx.get(landed.headers["location"], timeout=DEADLINE_S)


async def test_a_browser_signs_the_command_line_in(site: Site, provider: Provider) -> None:
    await _configure(site, provider)
    browser = await Browser.of(provider, "carol")
    with site.cli.start(*site.login, "--provider") as child:
        url = await asyncio.to_thread(_url_shown, child)
        back = await browser.visit(url)
        assert back.startswith(f"{site.cli.rest_url}/oauth/callback?")
        landed = await asyncio.to_thread(_visit_as_chrome, back)
        assert "go back to the terminal" in landed.text
        out, err = await asyncio.to_thread(child.communicate, timeout=DEADLINE_S)
        assert child.returncode == 0, (out, err)
    assert "as carol;" in out
    assert "no project yet" in site.cli("get", "project").err
    listed = site.cli.ok("token", "list").splitlines()
    assert len(listed) == 1
    assert listed[0].startswith("* ")
    site.cli.ok("token", "revoke", listed[0].split()[1])
    assert "does not accept this login any more" in site.cli("get", "project").err


async def test_where_the_browser_is_elsewhere_the_code_is_typed_in(
    site: Site, provider: Provider
) -> None:
    browser = await Browser.of(provider, "carol")
    told: dict[str, str] = {}

    def answers() -> None:
        done = site.cli.at_terminal(
            *(*site.login, "--provider", "--no-loopback"),
            answers=[("Code that the browser shows", "not-the-code")],
        )
        told["out"], told["code"] = done.out, str(done.code)

    await asyncio.to_thread(answers)
    assert told["code"] == "1"
    assert "does not confirm this sign-in" in told["out"]
    url = re.search(r"https://\S+", told["out"])
    assert url is not None
    shown = await asyncio.to_thread(_visit, await browser.visit(url[0]))
    assert "used already" in shown.text  # that state is spent


def _code(secret: str, ahead: int) -> str:
    """Of this step of time, or of the next one, which holds already."""
    padded = secret + "=" * (-len(secret) % 8)
    step = totp.step_at(datetime.now(UTC)) + ahead
    return totp.code_of(base64.b32decode(padded), step)


async def test_a_code_of_an_app_is_asked_for(site: Site) -> None:
    """The first code goes to the API, since a terminal cannot be read and answered by value."""
    site.cli.ok(*site.login, "--password-file", "pw")
    begun = await asyncio.to_thread(
        site.cli.at_terminal,
        *("totp", "enable"),
        answers=[("Password", PASSWORD), ("Code that the app shows", "000000")],
    )
    assert begun.code == 1
    assert "the code is wrong" in begun.out
    found = re.search(r"time-based key: (\w+)", begun.out)
    assert found is not None
    secret = found[1]
    token = site.cli.ok("token", "create").strip()
    async with httpx.AsyncClient(
        base_url=f"{site.cli.rest_url}/api",
        verify=ssl.create_default_context(cafile=site.cli.root),
        headers={"Authorization": f"Bearer {token}"},
    ) as http:
        confirmed = await http.post("/v1/eaves/totp/confirm", json={"code": _code(secret, 0)})
    recovery = confirmed.json()["recoveryCodes"]
    piped = site.cli(*site.login, "--password-file", "pw")
    assert piped.code == 1
    assert "use an API token" in piped.err
    done = await asyncio.to_thread(
        site.cli.at_terminal,
        *(*site.login, "--user", "admin"),
        answers=[
            ("Password of admin", PASSWORD),
            ("Code of the second factor", "000000"),
            ("the code is wrong(.|\n)*Code of the second factor", _code(secret, 1)),
        ],
    )
    assert done.code == 0, done
    assert "as admin" in done.out
    removed = await asyncio.to_thread(
        site.cli.at_terminal,
        *("totp", "disable"),
        answers=[("Password", PASSWORD), ("recovery code", recovery[0])],
    )
    assert removed.code == 0, removed
    assert "logged in" in site.cli.ok(*site.login, "--password-file", "pw")
