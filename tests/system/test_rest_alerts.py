"""Alert rules and channels through REST, and what arrives at a mail server and a webhook."""

import os
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from support.bulk import ALONE
from support.datastore import private_authority
from support.receivers import HOST, Hook, MailBox, mail_server, webhook
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, build_world, device

from eaves.controller.domain.alerts.addresses import read_networks
from eaves.controller.domain.alerts.messages import signature
from eaves.controller.domain.authz import Area
from eaves.controller.domain.builtin_roles import SYS_MONITOR
from eaves.controller.domain.status.liveness import limits_of
from eaves.controller.jobs.alerts import mail
from eaves.controller.jobs.alerts.deliver import Deliveries
from eaves.controller.jobs.alerts.watch import AlertWatch
from eaves.controller.notify_settings import STARTTLS, MailServer, NotifySettings
from eaves.controller.store.devices import put_last_seen
from eaves.controller.store.presence import Watched, put_watched
from eaves.controller.store.unit import unit_of_work
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

RULES, CHANNELS = "/v1/eaves/alert-rules", "/v1/eaves/alert-channels"
INCIDENTS = "/v1/eaves/incidents"
SECRET = "a secret of the receiver"
MAIL_PASSWORD = "opens-the-mail-server"
TO = "ops@example.org"
LOCAL = NotifySettings(networks=read_networks("127.0.0.0/8"))


@dataclass
class Site:
    """A controller's REST side with one device, and its jobs, driven by the test."""

    rest: Rest
    caller: Caller
    world: World
    enterprise: str
    authority: str
    deliveries: Deliveries

    async def turn(self, after: float = 0) -> None:
        """Look at the nodes, then send what is due."""
        self.rest.clock.pass_by(timedelta(seconds=after))
        limits = limits_of(timedelta(minutes=5))
        watch = AlertWatch(self.rest.engine, self.rest.clock, os.urandom, limits)
        await watch.tick(ALONE)
        await self.deliveries.tick(ALONE)

    async def seen(self, *others: str) -> None:
        heard = {DeviceId(one): self.rest.clock() for one in (self.world.device, *others)}
        async with unit_of_work(self.rest.engine) as db:
            await put_last_seen(db, heard)

    async def refused(self, path: str, body: Json, status: int = 400) -> list[str]:
        answer = await self.caller.http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return [one["location"] for one in answer.json()["error"]]

    async def hook(self, hook: Hook, name: str = "hook", **more: object) -> str:
        told = {"url": hook.url, "secret": SECRET, "caPem": self.authority}
        return await self.caller.create(CHANNELS, channel(name, webhook=told, **more))

    def server(self, box: MailBox, **more: object) -> Json:
        return {
            "host": HOST,
            "port": box.port,
            "fromAddress": "eaves@example.org",
            "caPem": self.authority,
            **more,
        }

    async def notifications(self, channel_id: str) -> list[Json]:
        found: list[Json] = (await self.caller.get(f"{CHANNELS}/id/{channel_id}/notifications"))[
            "list"
        ]
        return found

    async def events(self, event_type: str) -> list[str]:
        found = await self.caller.get("/v1/events", eventType=event_type)
        return [one["description"] for one in found["list"]]


def channel(name: str, **more: object) -> Json:
    kind = "WEBHOOK" if "webhook" in more else "MAIL"
    return {"name": name, "title": name, "type": f"ALERT_CHANNEL_TYPE_{kind}", **more}


def rule(name: str, condition: str = "NODE_OFFLINE", **more: object) -> Json:
    return {
        "name": name,
        "title": name,
        "condition": f"ALERT_CONDITION_{condition}",
        "severity": "SEVERITY_ERROR",
        **more,
    }


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_rest(tmp_path) as rest:
        enterprise = await rest.add_user("alice")
        async with rest.client(await rest.login("alice")) as http:
            caller = Caller(http)
            world = await build_world(caller)
            _, authority = private_authority(tmp_path / "tls")
            deliveries = Deliveries(rest.engine, rest.keys, LOCAL, rest.clock, os.urandom)
            made = Site(rest, caller, world, enterprise, authority, deliveries)
            async with unit_of_work(rest.engine) as db:
                now = rest.clock()
                await put_watched(db, Watched(now - timedelta(days=1), now))
            await made.seen()
            yield made
            deliveries.close()


@pytest.fixture
def hook(tmp_path: Path, site: Site) -> Iterator[Hook]:
    assert site.authority, "it signed for the webhook"
    with webhook(_server_context(tmp_path)) as running:
        yield running


def _server_context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls" / "leaf.pem")
    return context


async def test_an_incident_is_told_once_by_mail_and_webhook_and_so_is_its_end(
    site: Site, hook: Hook, tmp_path: Path
) -> None:
    users = {"eaves": MAIL_PASSWORD}
    with mail_server(MailBox(tls=_server_context(tmp_path), users=users)) as box:
        server = site.server(box, username="eaves", password=MAIL_PASSWORD)
        await site.caller.create(CHANNELS, channel("mail", mail={"to": [TO], "server": server}))
        hook_id = await site.hook(hook)
        rule_id = await site.caller.create(RULES, rule("offline", channels=["mail", hook_id]))
        hook.statuses = [503]
        await site.turn(290)
        assert not box.mails
        await site.turn(20)
        assert box.subjects() == ["[error] offline: node edge-1"]
        assert box.encrypted == [True]
        assert box.recipients == [(TO,)]
        for _ in range(3):
            await site.turn(10)
        assert [post.told["what"] for post in hook.posts] == ["opened", "opened"], "tried again"
        first, again = hook.posts
        assert first.told["id"] == again.told["id"] == again.headers["eaves-delivery"]
        assert first.path == "/alerts?of=eaves"
        timestamp = int(again.headers["eaves-timestamp"])
        made = signature(SECRET, timestamp, again.body)
        assert again.headers["eaves-signature"] == f"sha256={made}"
        assert again.told["incident"]["deviceId"] == site.world.device
        listed = await site.caller.get(INCIDENTS, open="true", ruleId=rule_id)
        (incident,) = listed["list"]
        assert (incident["deviceName"], incident["severity"]) == ("edge-1", "SEVERITY_ERROR")
        await site.seen()
        await site.turn(1)
        await site.turn(61)
    told = [(post.told["what"], post.told["incident"]["open"]) for post in hook.posts[2:]]
    assert told == [("closed", False)]
    assert box.subjects()[1:] == ["[over] offline: node edge-1"]
    assert box.mails[0]["Message-ID"] != box.mails[1]["Message-ID"]
    assert box.mails[0]["References"] == box.mails[1]["References"]
    read = await site.caller.get(f"{INCIDENTS}/id/{incident['id']}")
    assert read["open"] is False
    assert sorted(
        (one["channelName"], one["what"], one["state"]) for one in read["notifications"]
    ) == [(name, what, "sent") for name in ("hook", "mail") for what in ("closed", "opened")]
    assert not (await site.caller.get(INCIDENTS, open="true"))["list"]
    assert len(await site.events("ALERT_OPENED")) == 1
    assert len(await site.events("ALERT_CLOSED")) == 1


async def test_a_site_that_goes_dark_is_one_mail_and_one_call_of_each_incident(
    site: Site, hook: Hook, tmp_path: Path
) -> None:
    caller, world = site.caller, site.world
    others = [
        await caller.create("/v1/devices", device(world.project, world.model, f"other-{n}"))
        for n in range(4)
    ]
    with mail_server(MailBox(tls=_server_context(tmp_path))) as box:
        mail = {"to": [TO], "server": site.server(box)}
        await caller.create(CHANNELS, channel("mail", mail=mail))
        await site.hook(hook)
        await caller.create(RULES, rule("offline", channels=["mail", "hook"]))
        await site.seen(*others)
        await site.turn(310)
        assert not box.mails, "the others of the look are waited for"
        await site.turn(5)
        (told,) = box.mails
        subject = str(told["Subject"]).replace("\n", "")
        assert subject.startswith("[error] offline: 5 incidents: node ")
        assert subject.endswith(" and 2 more")
        text = told.get_content()
        for name in ("edge-1", *(f"other-{n}" for n in range(4))):
            assert f"node {name}: " in text
        assert len([post for post in hook.posts if post.told["what"] == "opened"]) == 5
        await site.seen(*others)
        await site.turn(1)
        await site.turn(61)
        await site.turn(5)
        assert len(box.mails) == 2
        assert "[over] offline: 5 incidents" in str(box.mails[1]["Subject"])
    listed = (await caller.get(INCIDENTS))["list"]
    assert [one["open"] for one in listed] == [False] * 5
    sent = {
        (one["channelName"], one["what"], one["state"])
        for incident in listed
        for one in (await caller.get(f"{INCIDENTS}/id/{incident['id']}"))["notifications"]
    }
    assert sent == {(n, what, "sent") for n in ("hook", "mail") for what in ("opened", "closed")}


async def test_a_channel_that_is_away_is_given_up_with_an_event(site: Site, hook: Hook) -> None:
    hook_id = await site.hook(hook)
    await site.caller.put(f"{CHANNELS}/id/{hook_id}/test")
    answer = await site.caller.http.put(f"{CHANNELS}/id/{hook_id}/test")
    assert answer.status_code == 409, "once at a time"
    hook.statuses = [500] * 100
    await site.turn()
    (one,) = await site.notifications(hook_id)
    assert (one["state"], one["tries"]) == ("waiting", 1)
    assert "answered 500" in one["outcome"]
    await site.turn(3)
    assert len(hook.posts) == 1, "not before its pause is over"
    await site.turn(3)
    assert len(hook.posts) == 2
    await site.turn(6 * 3600)
    (one,) = await site.notifications(hook_id)
    assert (one["state"], len(hook.posts)) == ("given up", 2)
    (told,) = await site.events("NOTIFICATION_GIVEN_UP")
    assert "alert channel hook: 1 notifications are given up after 6 hours" in told
    hook.statuses = []
    await site.caller.put(f"{CHANNELS}/id/{hook_id}/test")
    await site.turn()
    assert (await site.notifications(hook_id))[0]["state"] == "sent"


async def test_no_channel_leads_to_what_is_not_public_unless_that_is_allowed(
    site: Site, hook: Hook
) -> None:
    with mail_server(MailBox()) as box:
        server = site.server(box, security="MAIL_SECURITY_NONE")
        named = replace_host(hook.url, "localhost")
        told = {"url": named, "secret": SECRET}
        channels = [
            await site.hook(hook),
            await site.caller.create(CHANNELS, channel("name", webhook=told)),
            await site.caller.create(
                CHANNELS, channel("mail", mail={"to": [TO], "server": server})
            ),
        ]
        site.deliveries.settings = NotifySettings()
        for one in channels:
            await site.caller.put(f"{CHANNELS}/id/{one}/test")
        await site.turn()
        assert not hook.posts
        assert not box.mails
        for one in channels:
            (given_up,) = await site.notifications(one)
            assert given_up["state"] == "given up"
            assert "not public" in given_up["outcome"], given_up
        hook.location = hook.url
        hook.statuses = [302]
        site.deliveries.settings = LOCAL
        site.rest.clock.pass_by(timedelta(minutes=1))
        await site.caller.put(f"{CHANNELS}/id/{channels[0]}/test")
        await site.turn()
        assert len(hook.posts) == 1, "redirects are not followed"


def replace_host(url: str, host: str) -> str:
    return url.replace(HOST, host)


async def test_who_presents_another_certificate_is_told_nothing(site: Site, hook: Hook) -> None:
    told = {"url": hook.url, "secret": SECRET}  # the authority is not known
    hook_id = await site.caller.create(CHANNELS, channel("hook", webhook=told))
    with mail_server(MailBox()) as box:  # offers no STARTTLS
        mail_id = await site.caller.create(
            CHANNELS, channel("mail", mail={"to": [TO], "server": site.server(box)})
        )
        for one in (hook_id, mail_id):
            await site.caller.put(f"{CHANNELS}/id/{one}/test")
        await site.turn()
        assert not hook.posts
        assert not box.mails
    assert "certificate" in (await site.notifications(hook_id))[0]["outcome"].lower()
    assert "STARTTLS" in (await site.notifications(mail_id))[0]["outcome"]


async def test_what_a_mail_server_refuses_for_good_is_given_up_at_once(
    site: Site, tmp_path: Path
) -> None:
    box = MailBox(
        tls=_server_context(tmp_path), at_once=True, refused=frozenset({"no@example.org"})
    )
    with mail_server(box):
        server = site.server(box, security="MAIL_SECURITY_TLS")
        ids = [
            await site.caller.create(CHANNELS, channel(name, mail={"to": to, "server": server}))
            for name, to in (("gone", ["no@example.org"]), ("one", ["no@example.org", TO]))
        ]
        box.later = 1
        for one in ids:
            await site.caller.put(f"{CHANNELS}/id/{one}/test")
        await site.turn()
        await site.turn(10)
    (gone,), (partly,) = [await site.notifications(one) for one in ids]
    assert (gone["state"], gone["tries"]) == ("given up", 1)
    assert "550 nobody of that name" in gone["outcome"]
    assert (partly["state"], partly["tries"]) == ("sent", 2)
    assert partly["outcome"] == "not taken for no@example.org"
    assert box.recipients == [(TO,)]


async def test_a_server_that_says_nothing_holds_nobody_up(
    site: Site, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "WITHIN_S", 0.3)
    with mail_server(MailBox(silent=threading.Event())) as box:
        server = site.server(box, security="MAIL_SECURITY_NONE")
        silent = await site.caller.create(
            CHANNELS, channel("silent", mail={"to": [TO], "server": server})
        )
        hook_id = await site.hook(hook)
        for one in (silent, hook_id):
            await site.caller.put(f"{CHANNELS}/id/{one}/test")
        await site.turn()
    assert (await site.notifications(hook_id))[0]["state"] == "sent"
    (waits,) = await site.notifications(silent)
    assert waits["state"] == "waiting"
    assert "took longer" in waits["outcome"]


async def test_secrets_are_never_shown_and_a_password_stays_with_its_server(
    site: Site, hook: Hook
) -> None:
    told = {"url": hook.url, "secret": SECRET}
    hook_id = await site.caller.create(CHANNELS, channel("hook", webhook=told))
    server: Json = {
        "host": "mail.example.org",
        "fromAddress": "eaves@example.org",
        "username": "eaves",
        "password": MAIL_PASSWORD,
    }
    mail_id = await site.caller.create(
        CHANNELS, channel("mail", mail={"to": [TO], "server": server})
    )
    for one in (hook_id, mail_id):
        read = await site.caller.get(f"{CHANNELS}/id/{one}")
        await site.caller.put(f"{CHANNELS}/id/{one}", read | {"description": "kept"})
    body = await site.caller.get(f"{CHANNELS}/id/{mail_id}")
    moved: Json = {**body["mail"], "server": {**body["mail"]["server"], "host": "evil.example.org"}}
    answer = await site.caller.http.put(f"{CHANNELS}/id/{mail_id}", json=body | {"mail": moved})
    assert answer.status_code == 400
    assert [one["location"] for one in answer.json()["error"]] == ["mail.server.password"]
    told_of = [
        await site.caller.get(CHANNELS),
        await site.caller.get("/v1/events"),
        (await site.caller.http.get("/v1/eaves/audit")).text,
    ]
    for secret in (SECRET, MAIL_PASSWORD):
        assert secret not in str(told_of)


async def test_what_cannot_be_is_refused_with_every_reason(site: Site) -> None:
    wrong = rule("x", "CPU", channels=["nobody"], projectId="nowhere", clearBelow=95, threshold=90)
    assert await site.refused(RULES, wrong) == ["name", "projectId", "clearBelow", "channels"]
    assert await site.refused(RULES, rule("abc", "NODE_OFFLINE", threshold=5)) == ["threshold"]
    assert await site.refused(RULES, {"name": "abc", "title": "Abc"}) == ["condition", "severity"]
    bad_mail = {"to": ["a@b", "a, b@c", "x\r\n@y"], "server": {"host": "a b", "caPem": "no"}}
    assert await site.refused(CHANNELS, channel("abc", mail=bad_mail)) == [
        "mail.to[1]",
        "mail.to[2]",
        "mail.server.host",
        "mail.server.fromAddress",
        "mail.server.caPem",
    ]
    for url in ("http://a.example", "https://u:p@a.example", "https://", "https://a.example/#x"):
        told = {"url": url, "secret": SECRET}
        assert await site.refused(CHANNELS, channel("abc", webhook=told)) == ["webhook.url"]
    short = {"url": "https://a.example", "secret": "short"}
    assert await site.refused(CHANNELS, channel("abc", webhook=short)) == ["webhook.secret"]
    assert await site.refused(CHANNELS, channel("abc")) == ["mail"]
    answer = await site.caller.http.get(INCIDENTS, params={"open": "perhaps"})
    assert answer.status_code == 400


async def test_who_sees_one_project_neither_hears_of_others_nor_takes_their_rules(
    site: Site, hook: Hook
) -> None:
    hook_id = await site.hook(hook)
    all_id = await site.caller.create(RULES, rule("all", channels=["hook"]))
    await site.turn(301)
    project = {"name": "other", "title": "Other", "type": "TAG_TYPE_PROJECT"}
    other = await site.caller.create("/v1/projects", project)
    verbs = "PermissionAccessCreateReadUpdateDeleteExecute"
    scope: Json = {Area.DEVICE.value: verbs, "projectFilter": [other]}
    role = {"name": "others", "title": "Others", "type": "USER_ROLE_USER_DEFINED"}
    await site.caller.create("/v1/roles", role | {"scopes": [scope]})
    await site.rest.add_user("bob", enterprise=site.enterprise, role="others")
    await site.rest.add_user("dave")
    await site.rest.add_user("eve", enterprise=site.enterprise, role=SYS_MONITOR)
    (incident,) = (await site.caller.get(INCIDENTS))["list"]
    for user in ("bob", "dave"):
        async with site.rest.client(await site.rest.login(user)) as http:
            assert (await http.get(INCIDENTS)).json()["list"] == []
            assert (await http.get(f"{INCIDENTS}/id/{incident['id']}")).status_code == 404
    async with site.rest.client(await site.rest.login("bob")) as http:
        assert (await http.post(RULES, json=rule("mine"))).status_code == 403
        body = (await http.get(f"{RULES}/id/{all_id}")).json()
        taken = await http.put(f"{RULES}/id/{all_id}", json=body | {"projectId": other})
        assert taken.status_code == 403, taken.text
        assert (await http.delete(f"{RULES}/id/{all_id}")).status_code == 403
        assert (await http.delete(f"{CHANNELS}/id/{hook_id}")).status_code in (403, 409)
        made = await http.post(RULES, json=rule("mine", projectId=other, channels=["hook"]))
        assert made.status_code == 200, made.text
    async with site.rest.client(await site.rest.login("eve")) as http:
        assert (await http.get(f"{INCIDENTS}/id/{incident['id']}")).status_code == 200
        assert (await http.put(f"{CHANNELS}/id/{hook_id}/test")).status_code == 403
        assert (await http.post(RULES, json=rule("eves"))).status_code == 403
    answer = await site.caller.http.delete(f"{CHANNELS}/id/{hook_id}")
    assert answer.status_code == 409, "rules name it"


async def test_a_forgotten_password_is_mailed_of_where_there_is_a_mail_server(
    tmp_path: Path,
) -> None:
    context, authority = private_authority(tmp_path / "tls")
    with mail_server(MailBox(tls=context)) as box:
        server = MailServer(HOST, box.port, STARTTLS, "eaves@example.org", ca_pem=authority)
        notify = NotifySettings(mail=server)
        async with running_rest(tmp_path, notify=notify) as rest:
            await rest.add_user("alice")
            async with rest.client(await rest.login("alice")) as http:
                caller = Caller(http)
                alice = await caller.get("/v1/users/name/alice")
                told = alice | {"email": "alice@example.org"}
                await caller.put(f"/v1/users/id/{alice['id']}", told)
                bob = {"username": "bobby", "email": "bobby@example.org"}
                role = await caller.get(f"/v1/roles/name/{SYS_MONITOR}")
                await caller.create("/v1/users", bob | {"roleId": role["id"]})
            for name in ("bobby", "nobody", "bobby"):
                async with rest.client() as http:
                    answer = await http.post("/v1/login/forgot", json={"username": name})
                assert answer.status_code == 200, answer.text
            deliveries = Deliveries(rest.engine, rest.keys, notify, rest.clock, os.urandom)
            await deliveries.tick(ALONE)
            deliveries.close()
    assert sorted((mail["To"], mail["Subject"]) for mail in box.mails) == [
        ("alice@example.org", "[eaves] bobby asks for a new password"),
        ("bobby@example.org", "[eaves] a new password was asked for"),
    ]
