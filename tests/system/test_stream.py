"""The stream of events of real controllers: told soon, resumed anywhere, ended when it must be."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.types import Message
from store.databases import postgres_is_there
from support.controller import Process, running
from support.listening import DEADLINE_S, STREAM, Listening, listening
from support.rest import Caller, Json, running_rest
from support.rest_objects import project
from support.several import PASSWORD, several

from eaves.controller.domain.builtin_roles import SYS_MONITOR

pytestmark = pytest.mark.system

MANY, AT_ONCE = 100, 5
ENVIRONMENT = {"EAVES_STREAMS_PER_USER": str(MANY)}
STOPS_WITHIN_S = 30.0  # on a machine with other work to do; less than 5 s alone
READING = "PermissionAccessRead"
TOKEN = "for the monitoring"
OTHER_PASSWORD = "a password of somebody else"


@dataclass
class Running:
    """One controller on SQLite, or two on PostgreSQL."""

    processes: list[Process]

    def process(self, number: int) -> Process:
        return self.processes[number % len(self.processes)]

    @asynccontextmanager
    async def client(
        self, number: int = 0, name: str = "admin", password: str = PASSWORD
    ) -> AsyncGenerator[Caller]:
        """Somebody with a session of its own, which ends with it."""
        process = self.process(number)
        async with httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{process.rest_port}/api",
            verify=process.tls(),
            timeout=60,
            limits=httpx.Limits(max_connections=None),
        ) as http:
            login = {"usernameAtRealm": name, "password": password}
            answer = await http.post("/v1/login", json=login)
            assert answer.status_code == 200, answer.text
            given = answer.json()
            token = given.get("token") or given["tempToken"]  # the latter: only to change it
            http.headers["Authorization"] = f"Bearer {token['base64']}"
            yield Caller(http)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def controllers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("stream")
    (folder / "token").write_text(TOKEN)
    environment = {**ENVIRONMENT, "EAVES_METRICS_TOKEN_FILE": str(folder / "token")}
    if request.param == "sqlite":
        password = folder / "password"
        password.write_text(PASSWORD)
        made = Process(
            folder / "c" / "state",
            *("--admin-password-file", str(password)),
            environment=environment,
        )
        with running(made) as process:
            yield Running([process])
        return
    if not postgres_is_there():
        pytest.skip("no PostgreSQL on this machine; install the package postgresql")
    with several(folder, 2, environment) as both:
        yield Running(both.processes)


async def test_a_change_is_told_soon_by_every_process(controllers: Running) -> None:
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(controllers.client(0))
        streams: list[Listening] = []
        for number in range(2):
            caller = await stack.enter_async_context(controllers.client(number))
            streams.append(await stack.enter_async_context(listening(caller.http)))
        made = await writer.create("/v1/projects", project("soon"))
        for opened in streams:
            told = await opened.until("event", resourceId=made)
            assert told.data["resourceName"] == "soon"
        await writer.delete(f"/v1/projects/id/{made}")


async def test_a_stream_goes_on_at_another_process_where_it_was(controllers: Running) -> None:
    async with controllers.client(0) as first, controllers.client(1) as second:
        async with listening(first.http) as opened:
            seen = await first.create("/v1/projects", project("seen"))
            await opened.until("event", resourceId=seen)
        unseen = await first.create("/v1/projects", project("unseen"))
        async with listening(second.http, opened.place) as again:
            await again.until("event", resourceId=unseen)
            live = await first.create("/v1/projects", project("live"))
            await again.until("event", resourceId=live)
        rows = [one.data["id"] for one in again.heard if one.name == "event"]
        assert len(rows) == len(set(rows)), "an event was told twice by one stream"
        polled = await second.get(STREAM, after=opened.place)
        assert unseen in [one["resourceId"] for one in polled["list"]]
        assert not polled["missed"]
        for made in (seen, unseen, live):
            await first.delete(f"/v1/projects/id/{made}")


async def test_http_2_tells_it_too_and_who_leaves_gives_its_place(controllers: Running) -> None:
    process = controllers.process(0)
    async with controllers.client(0) as caller:
        await until_open(process, 0)  # those of the test before have gone
        curl = await asyncio.create_subprocess_exec(
            *("curl", "--http2", "--silent", "--no-buffer", "--include"),
            *("--cacert", str(process.state_dir / "root-certificate.pem")),
            *("--header", "Accept: text/event-stream"),
            *("--header", f"Authorization: {caller.http.headers['Authorization']}"),
            f"https://localhost:{process.rest_port}/api{STREAM}",
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert curl.stdout is not None
            async with asyncio.timeout(DEADLINE_S):
                assert (await curl.stdout.readline()).startswith(b"HTTP/2 200")
                await curl.stdout.readuntil(b"event: hello")
                await until_open(process, 1)
                made = await caller.create("/v1/projects", project("told-by-http-2"))
                await curl.stdout.readuntil(made.encode())
        finally:
            curl.kill()
            await curl.wait()
        await until_open(process, 0)
        await caller.delete(f"/v1/projects/id/{made}")


async def until_open(process: Process, wanted: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if await open_streams(process) == wanted:
                return
            await asyncio.sleep(0.05)


async def open_streams(process: Process) -> int:
    """As the controller counts them."""
    async with httpx.AsyncClient(verify=process.tls(), timeout=60) as http:
        url = f"https://localhost:{process.rest_port}/metrics"
        told = await http.get(url, headers={"Authorization": f"Bearer {TOKEN}"})
    (count,) = re.findall(r"^eaves_streams ([0-9.]+)$", told.text, re.MULTILINE)
    return int(float(count))


async def test_a_place_that_never_was_is_told_as_missed(controllers: Running) -> None:
    async with controllers.client() as caller:
        async with listening(caller.http, str(2**62)) as opened:
            await opened.until("missed")
        refused = await caller.http.get(STREAM, headers={"Last-Event-ID": "not a place"})
        assert refused.status_code == 400
        assert refused.json()["error"][0]["location"] == "Last-Event-ID"


async def test_a_stream_ends_with_its_session(controllers: Running) -> None:
    async with controllers.client() as caller, listening(caller.http) as opened:
        assert (await caller.http.post("/v1/logout", json={})).status_code == 200
        ended = await opened.until("ended")
        assert "log in again" in ended.data["why"]
        await opened.until_end()


async def test_a_stream_ends_when_the_role_changes(controllers: Running) -> None:
    async with controllers.client(0) as admin:
        role = await admin.create("/v1/roles", _role("watchers", accessDevice=READING))
        watcher = {"username": "watcher", "email": "w@example.org", "roleId": role}
        user = await admin.create("/v1/users", watcher)
        given = {"owner": user, "newCred": OTHER_PASSWORD, "type": "CREDENTIAL_TYPE_PASSWORD"}
        assert (await admin.http.post("/v1/credentials", json=given)).status_code == 200
        async with _changed_password(controllers) as caller, listening(caller.http) as opened:
            now = await admin.get(f"/v1/roles/id/{role}")
            scopes = [{"accessStorage": READING}]
            await admin.put(f"/v1/roles/id/{role}", now | {"scopes": scopes})
            ended = await opened.until("ended")
            assert "role" in ended.data["why"]
        await admin.delete(f"/v1/users/id/{user}")
        await admin.delete(f"/v1/roles/id/{role}")


def _role(name: str, **scope: str) -> Json:
    return {"name": name, "title": name, "type": "USER_ROLE_USER_DEFINED", "scopes": [scope]}


@asynccontextmanager
async def _changed_password(controllers: Running) -> AsyncGenerator[Caller]:
    """The watcher, at the other process, past the password that it was given."""
    async with controllers.client(1, "watcher", OTHER_PASSWORD) as caller:
        refused = await caller.http.get(STREAM, headers={"Accept": "text/event-stream"})
        assert refused.status_code == 403
        given = {"currentCred": OTHER_PASSWORD, "newCred": "and now one of its own"}
        answer = await caller.http.put("/v1/credentials", json=given)
        assert answer.status_code == 200, answer.text
    async with controllers.client(1, "watcher", "and now one of its own") as caller:
        yield caller


async def test_a_quiet_stream_shows_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the application itself, with a short heart: nobody waits for fifteen seconds."""
    monkeypatch.setattr("eaves.controller.northbound.stream.endpoint.HEARTBEAT_S", 0.0)
    async with running_rest(tmp_path) as rest:
        await rest.add_user("alice")
        token = await rest.login("alice")
        alive, sent = asyncio.Event(), list[bytes]()

        async def receive() -> Message:
            if not sent:
                return {"type": "http.request", "body": b"", "more_body": False}
            await alive.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message.get("body", b""))
            if message.get("body", b"").startswith(b": alive\nid: "):
                alive.set()

        headers = [
            (b"accept", b"text/event-stream"),
            (b"authorization", f"Bearer {token}".encode()),
        ]
        scope: Json = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "2",
            "method": "GET",
            "scheme": "https",
            "path": f"/api{STREAM}",
            "raw_path": f"/api{STREAM}".encode(),
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        async with asyncio.timeout(DEADLINE_S):
            await rest.app(scope, receive, send)  # returns: its client left
        assert rest.app.state.context.places.taken == 0


async def test_others_see_nothing_of_it(tmp_path: Path) -> None:
    """Another tenant, another project, a role that may not read; in the form that ends."""
    async with running_rest(tmp_path) as rest:
        enterprise = await rest.add_user("alice")
        await rest.add_user("dave")
        await rest.add_user("mona", enterprise=enterprise, role=SYS_MONITOR)
        async with rest.client(await rest.login("alice")) as http:
            alice = Caller(http)
            hidden = await alice.create("/v1/projects", project("hidden"))
            other = await alice.create("/v1/projects", project("other"))
            scope: Json = {"accessDevice": READING, "projectFilter": [other]}
            for name, scopes in (("others", [scope]), ("nothing", [])):
                await alice.create("/v1/roles", _role(name) | {"scopes": scopes})
                await rest.add_user(f"of-{name}", enterprise=enterprise, role=name)
        seen: dict[str, bool] = {}
        for name in ("alice", "mona", "of-others", "of-nothing", "dave"):
            async with rest.client(await rest.login(name)) as http:
                polled = await Caller(http).get(STREAM, after="0")
                seen[name] = hidden in {one["resourceId"] for one in polled["list"]}
        assert seen == {
            "alice": True,
            "mona": True,
            "of-others": False,
            "of-nothing": False,
            "dave": False,
        }


async def test_a_controller_stops_soon_although_a_hundred_streams_are_open(
    controllers: Running,
) -> None:
    """Last: it ends the controllers of this module."""
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(controllers.client(0))
        streams: list[Listening] = []
        for _ in range(MANY // AT_ONCE):
            opening = (stack.enter_async_context(listening(caller.http)) for _ in range(AT_ONCE))
            streams += await asyncio.gather(*opening)
        refused = await caller.http.get(STREAM, headers={"Accept": "text/event-stream"})
        assert refused.status_code == 429
        assert "close a tab" in refused.text
        begun = time.monotonic()
        ending = asyncio.ensure_future(asyncio.to_thread(controllers.process(0).stop))
        await asyncio.gather(*(opened.until("ended") for opened in streams))
        assert await ending == 0
        assert time.monotonic() - begun < STOPS_WITHIN_S
