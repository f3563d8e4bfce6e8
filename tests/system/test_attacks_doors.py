"""Attacks at the doors of a controller that runs: texts, names, archives, bombs.

One process with a device and a user; each attack is refused, is named in the log or the answer,
and the next honest request is served.
"""

import asyncio
import gzip
import io
import os
import subprocess
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest
from support.cli import Cli
from support.controller import Process, WireDevice, https, running
from support.rest import Caller, Json
from support.rest_objects import BASES, World, app, bodies, build_world
from support.uploads import add_image, own_store

from eaves.evapi.info import ErrorInfo, ZInfoApp, ZInfoMsg, ZInfoTypes, ZSwState, encode_z_info_msg
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

PASSWORD: Final = "a-known-password-of-admin"
EVIL: Final = (
    "evil\n2026-01-01T00:00:00Z level=info event=all_is_well\r\x1b[2J\x1b]0;owned\x07\x9b31m\u202e!"
)
OBEYED: Final = frozenset("\r\x1b\x07\x9b\u202e")
UP: Final = ("../../../../etc/passwd", "/etc/passwd", "..\\..\\x", "a/../../b", "x\0y", ".", "..")


@dataclass(frozen=True)
class Site:
    process: Process
    cli: Cli
    world: World
    device: WireDevice
    token: str

    @property
    def base(self) -> str:
        return f"https://localhost:{self.process.rest_port}/api"

    def rest(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.base,
            verify=self.process.tls(),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )

    async def post(self, path: str, body: bytes) -> int:
        tls = self.process.tls()
        return (await https(self.process.device_port, "POST", path, body, tls=tls)).status

    async def raw(self, port: int, path: str) -> tuple[int, bytes]:
        """A GET whose path nobody tidies up on its way."""
        reply = await https(port, "GET", path, tls=self.process.tls())
        return reply.status, reply.body

    def log(self) -> str:
        return self.process.log.read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    folder = tmp_path_factory.mktemp("doors")
    given = folder / "password"
    given.write_text(PASSWORD)
    process = Process(folder / "state", "--admin-password-file", str(given))
    with running(process):
        yield asyncio.run(_furnished(process, folder))


async def _furnished(process: Process, folder: Path) -> Site:
    base = f"https://localhost:{process.rest_port}/api"
    async with httpx.AsyncClient(base_url=base, verify=process.tls(), timeout=30) as rest:
        login = await rest.post("/v1/login", json={"username": "admin", "password": PASSWORD})
        token = login.json()["token"]["base64"]
        rest.headers["Authorization"] = f"Bearer {token}"
        caller = Caller(rest)
        world = await build_world(caller)
        device = WireDevice(serial="serial-of-edge-1", device_id=DeviceId(world.device))
        pair = (await caller.get(f"/v1/devices/id/{world.device}/onboarding"))["onboarding"]
    body = device.registration(pair["pemCert"].encode(), pair["pemKey"].encode())
    port, tls = process.device_port, process.tls()
    reply = await https(port, "POST", endpoint_path(Endpoint.REGISTER), body, tls=tls)
    assert reply.status == 201
    home = folder / "home"
    home.mkdir()
    cli = Cli.of(process, home)
    trust = ("--ca", str(process.state_dir / "root-certificate.pem"))
    word = ("--password-file", str(folder / "password"))
    cli.ok("login", f"https://localhost:{process.rest_port}", *trust, *word)
    return Site(process, cli, world, device, token)


@pytest.fixture(autouse=True)
def honest_requests_are_served_as_before(site: Site) -> Iterator[None]:
    yield

    async def asked() -> tuple[int, int]:
        async with site.rest() as rest:
            told = await rest.get("/v1/devices")
        polled = await site.post(site.device.path(Endpoint.CONFIG), site.device.poll())
        return told.status_code, polled

    assert asyncio.run(asked()) == (200, 200)


# --- texts that pose as something else


async def test_log_injection_text_of_strangers_stays_one_line_in_the_controllers_log(
    site: Site,
) -> None:
    stranger = WireDevice(serial=EVIL)
    body = stranger.registration(stranger.certificate_pem, stranger.key_pem)
    assert await site.post(endpoint_path(Endpoint.REGISTER), body) == 403
    odd = "/api/v2/edgedevice/id/%0aevent=all_is_well/%1b[2J/config"
    assert await site.post(odd, b"x") == 404
    async with site.rest() as rest:
        named = await rest.post("/v1/login", json={"username": EVIL, "password": EVIL})
        assert named.status_code in (400, 401)
        made = await rest.post("/v1/brands", json={"name": EVIL, "title": EVIL})
        assert made.status_code == 400
    lines = site.log().splitlines()
    assert any("registration_unknown" in line and "owned" in line for line in lines)
    assert all(line.startswith("timestamp=") for line in lines), lines
    assert not [line for line in lines if set(line) & OBEYED]
    assert not [line for line in lines if " event=all_is_well" in line.partition(' serial="')[0]]


async def test_log_injection_text_of_a_device_stays_one_line_for_who_reads_it(site: Site) -> None:
    device, now = site.device, datetime.now(UTC)
    entry = LogEntry(content=EVIL, source=EVIL, severity="err", timestamp=now, iid="1", msgid=1)
    file = encode_log_file(DeviceLogOrigin(device.device_id, "IMGA", "1"), now, [entry])
    assert await site.post(device.path(Endpoint.NEWLOGS), device.sealed(file)) == 201
    failed = ErrorInfo(description=EVIL, timestamp=now)
    told = ZInfoApp(
        app_id=site.world.instance, app_name=EVIL, state=ZSwState.ERROR, app_err=(failed,)
    )
    info = encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=told, at_time_stamp=now))
    assert await site.post(device.path(Endpoint.INFO), device.sealed(info)) == 201
    async with site.rest() as rest, asyncio.timeout(30):
        while True:  # a job moves events to where they are read
            if "owned" in (await rest.get("/v1/events")).text:
                break
            await asyncio.sleep(0.05)
    for words, most in (
        (("logs", "--device", "edge-1"), 1),
        (("watch", "--once"), None),
        (("get", "instances", "-o", "wide"), None),
    ):
        shown = await asyncio.to_thread(site.cli.at_terminal, *words)
        assert shown.code == 0, shown
        assert "owned" in shown.out or words[0] == "get", shown.out
        assert not set(_unstyled(shown.out)) & OBEYED, shown.out
        assert "2026-01-01T00:00:00Z level=info" not in {
            line[:31] for line in shown.out.splitlines()
        }
        if most is not None:
            assert len(shown.out.splitlines()) == most, shown.out
    for line in site.log().splitlines():
        assert line.startswith("timestamp="), line
        assert not set(line) & OBEYED, line


def _unstyled(text: str) -> str:
    for style in ("\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"):
        text = text.replace(style, "")
    return text


# --- names that lead elsewhere


async def test_path_traversal_in_names_of_objects_is_refused(site: Site) -> None:
    """A name may become a folder, a file of a backup, a line of a script."""
    async with site.rest() as rest:
        for word, body in bodies(site.world).items():
            for name in UP:
                answer = await rest.post(BASES[word], json={**body, "name": name})
                assert answer.status_code == 400, (word, name, answer.text)
                assert "name" in answer.text, (word, name)


async def test_path_traversal_in_paths_of_requests_finds_nothing(site: Site) -> None:
    files = "/api/docs/files"
    for path in (
        f"{files}/../../../../../../etc/passwd",
        f"{files}/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        f"{files}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        f"{files}//etc/passwd",
        "/api/v1/apps/images/name/..%2f..%2fsecret.key",
        "/../../etc/passwd",
    ):
        status, body = await site.raw(site.process.rest_port, path)
        assert status in (400, 401, 403, 404), path
        assert b"root:" not in body
    device = site.device
    for path in (
        f"/api/v2/edgedevice/id/../id/{device.device_id}/config",
        f"/api/v2/edgedevice/id/{device.device_id}/apps/instanceid/../../config",
        f"/api/v2/edgedevice/id/{device.device_id}/apps/instanceid/..%2f..%2fx/newlogs",
        "/api/v2/edgedevice/id/..%2f..%2fetc/config",
    ):
        assert await site.post(path, device.poll()) == 404, path


async def test_path_traversal_in_an_upload_leaves_the_folder_of_contents_only(site: Site) -> None:
    outside = _tree(site.process.state_dir.parent)
    async with site.rest() as rest:
        caller = Caller(rest)
        await add_image(
            caller, await own_store(caller), name="climbing", imageRelUrl="../../climbing"
        )
        form = {"file": ("../../../../escaped", b"bytes", "application/octet-stream")}
        path = "/v1/apps/images/name/climbing/upload/file"
        sent = await rest.put(path, files=form)
        assert sent.status_code in (200, 400), sent.text
    new = _tree(site.process.state_dir.parent) - outside
    assert not [one for one in new if "escaped" in one]
    assert all(one.startswith("state/") for one in new), new


def _tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# --- little that becomes much


def bomb(inflated_bytes: int) -> bytes:
    """A gzip member of a thousandth of that."""
    to = io.BytesIO()
    with gzip.GzipFile(fileobj=to, mode="wb", compresslevel=9, mtime=1) as packed:
        for _ in range(inflated_bytes >> 20):
            packed.write(bytes(1 << 20))
    return to.getvalue()


async def test_a_gzip_bomb_in_logs_is_refused_by_its_size(site: Site) -> None:
    """It is read as far as the bound, whatever it says of itself."""
    device = site.device
    before = _memory(site.process.pid)
    body = device.sealed(bomb(60 << 20))
    assert len(body) < 65_536
    assert await site.post(device.path(Endpoint.NEWLOGS), body) == 413
    told = [line for line in site.log().splitlines() if "message_too_large" in line]
    assert device.device_id in told[-1]
    assert _memory(site.process.pid) - before < 40 << 20


def _memory(pid: int) -> int:
    """Resident bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_gzip_bomb_as_a_body_is_never_inflated(site: Site) -> None:
    """No body is unpacked, so what says that it is packed is no JSON."""
    async with site.rest() as rest:
        answer = await rest.post(
            "/v1/brands",
            content=bomb(32 << 20),
            headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
        )
    assert answer.status_code == 400, answer.text


async def test_a_zip_bomb_that_is_uploaded_stays_the_file_that_it_is(site: Site) -> None:
    """The controller opens no image; nodes do, confined (tests/host/test_storage_images.py)."""
    packed = bomb(32 << 20)
    async with site.rest() as rest:
        caller = Caller(rest)
        store = (await caller.get("/v1/datastores"))["list"]
        own = next(one["id"] for one in store if one["dsType"] == "DATASTORE_TYPE_FILE_STORAGE")
        await add_image(caller, own, name="bomb", imageSizeBytes=str(len(packed)))
        answer = await rest.put(
            "/v1/apps/images/name/bomb/upload/chunked",
            content=packed,
            headers={"Content-Range": f"bytes 0-{len(packed) - 1}/{len(packed)}"},
        )
        assert answer.status_code == 200, answer.text
        told = await caller.get("/v1/apps/images/name/bomb")
    assert told["imageSizeBytes"] == str(len(packed))


LAUGHS: Final = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES: Final = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{','.join(['*' + old] * 10)}]}}\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [LAUGHS, MERGES, "a: &a [*a]\n"], ids=["laughs", "merges", "loop"])
async def test_a_bomb_of_aliases_in_a_compose_bundle_is_refused(site: Site, text: str) -> None:
    body: Json = app(site.world.project, site.world.datastore, "laughing")
    body["manifestJSON"] |= {
        "appType": "APP_TYPE_DOCKER_COMPOSE",
        "dockerComposeYamlText": text + "services: {web: {image: x}}\n",
    }
    began = datetime.now(UTC)
    async with site.rest() as rest:
        answer = await rest.post("/v1/apps", json=body)
    assert answer.status_code == 400, answer.text
    assert "unfold to more than" in answer.text
    assert datetime.now(UTC) - began < timedelta(seconds=10)


async def test_a_bomb_of_nested_json_is_refused(site: Site) -> None:
    async with site.rest() as rest:
        for text in (b"[" * 1_000_000, b'{"a":' * 500_000, b"[" * 100_000 + b"]" * 100_000):
            answer = await rest.post(
                "/v1/brands", content=text, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 400, answer.text


# --- what the doors themselves are like


def _handshake(port: int, *how: str) -> str:
    """What openssl says of a handshake that it was told how to make."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *how],
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("door", ["devices", "users"])
def test_only_tls_1_2_and_later_with_modern_suites_is_spoken(site: Site, door: str) -> None:
    port = site.process.device_port if door == "devices" else site.process.rest_port
    allowed = {"-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"}
    for word, version in allowed.items():
        assert f"New, {version}, Cipher is" in _handshake(port, word), word
    weak = ("-cipher", "ALL:@SECLEVEL=0")
    for word in ("-tls1", "-tls1_1"):
        assert "Cipher is (NONE)" in _handshake(port, word, *weak), word
    for suites in (
        *("AES128-SHA", "AES256-SHA256", "AES256-GCM-SHA384"),  # without forward secrecy
        *("ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA256"),  # CBC
        *("DES-CBC3-SHA", "NULL", "aNULL", "RC4", "DHE"),
    ):
        told = _handshake(port, "-tls1_2", "-cipher", f"{suites}:@SECLEVEL=0")
        assert "Cipher is (NONE)" in told or "no cipher match" in told, suites
    offered = _handshake(port, "-tls1_2")
    assert "Cipher is ECDHE-" in offered
    assert "Compression: NONE" in offered


async def test_every_answer_to_a_browser_forbids_frames_scripts_and_plain_http(site: Site) -> None:
    wanted = {
        "strict-transport-security": "max-age=",
        "content-security-policy": "default-src 'none'",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    async with site.rest() as rest:
        for path in (
            *("/v1/devices", "/v1/devices/name/none", "/docs", "/openapi.json", "/nothing"),
            *("/../readyz", "/../oauth/callback"),
        ):
            told = (await rest.get(path)).headers
            for name, words in wanted.items():
                assert words in told.get(name, ""), (path, name)
            assert "access-control-allow-origin" not in told, path


async def test_a_request_that_a_foreign_page_forges_has_no_rights(site: Site) -> None:
    """A browser adds cookies and nothing else; the only cookie is none that opens anything."""
    async with httpx.AsyncClient(base_url=site.base, verify=site.process.tls()) as browser:
        login = await browser.post("/v1/login", json={"username": "admin", "password": PASSWORD})
        assert login.status_code == 200
        for cookie in login.headers.get_list("set-cookie"):
            assert {"HttpOnly", "Secure", "SameSite=strict"} <= set(cookie.split("; "))
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert (await browser.get("/v1/devices", headers=foreign)).status_code == 401
        made = await browser.post(
            "/v1/brands",
            content=b'{"name": "forged"}',
            headers=foreign | {"Content-Type": "text/plain"},
        )
        assert made.status_code == 401
        asked = foreign | {"Access-Control-Request-Method": "POST"}
        preflight = await browser.options("/v1/brands", headers=asked)
        assert preflight.status_code >= 400
        assert not [name for name in preflight.headers if name.startswith("access-control")]
