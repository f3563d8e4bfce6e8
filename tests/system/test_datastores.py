"""Files from a real server of every kind of datastore, and every way it goes wrong."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from structlog.testing import capture_logs
from support.datastore import datastore
from support.servers import (
    AZURE_ACCOUNT,
    Keys,
    Nginx,
    Relay,
    Sftp,
    azure_sas,
    azure_server,
    google_server,
    nginx,
    s3_server,
    sftp_server,
)

from eaves.evapi.config import ContentTree as ContentTreeConfig
from eaves.evapi.config import DatastoreConfig, DsType, Format
from eaves.node.storage.authorizers import Credentials
from eaves.node.storage.intent import content_tree
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.subsystem import StorageSubsystem
from eaves.node.storage.transfer import Uplink
from eaves.reconcile.apply import Reconciler
from eaves.reconcile.report import ItemState

NAME = "apps/a disk+é.img"
DATA = os.urandom(1024**2) * 2
SHA = hashlib.sha256(DATA).hexdigest()
TREE = "11111111-1111-1111-1111-111111111111"
FAST = StorageSettings(download_stalled_s=20, verify_retries=1, allow_insecure_auth=True)
STRICT = replace(FAST, allow_insecure_auth=False)
KINDS = ("https", "s3", "azure", "google", "sftp")
Wish = tuple[DatastoreConfig, Credentials | None]


@dataclass(frozen=True)
class Servers:
    https: Nginx
    s3: Callable[[], Keys]
    azure: Callable[[], Keys]
    google: Callable[[], str]
    sftp: Sftp


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Generator[Servers, None, None]:
    def folder(name: str) -> Path:
        return tmp_path_factory.mktemp(name)

    files = {NAME: DATA}
    with ExitStack() as stack:
        enter = stack.enter_context
        azure = enter(azure_server(folder("azure"), "images", files))
        s3 = enter(s3_server(folder("s3"), "images", files))
        google = enter(google_server(folder("google"), "images", files))
        sftp = enter(sftp_server(folder("sftp"), files))
        web = enter(nginx(folder("nginx")))
        (web.folder / "apps").mkdir()
        (web.folder / NAME).write_bytes(DATA)
        yield Servers(web, s3, azure, google, sftp)


def wish(servers: Servers, kind: str) -> Wish:
    """The datastore as the API has it, and what its cipher block holds."""
    match kind:
        case "https":
            chain = (servers.https.authority.encode(),)
            url = f"{servers.https.https}/users"
            store = DatastoreConfig(d_type=DsType.DsHttps, fqdn=url, ds_cert_pem=chain)
            return store, Credentials("node", "secret")
        case "s3":
            keys = servers.s3()
            store = DatastoreConfig(d_type=DsType.DsS3, fqdn=keys.address, dpath="images")
            return store, Credentials(keys.user, keys.password)
        case "azure":
            keys = servers.azure()
            store = DatastoreConfig(d_type=DsType.DsAzureBlob, fqdn=keys.address, dpath="images")
            return store, Credentials(keys.user, keys.password)
        case "google":
            url = servers.google()
            return DatastoreConfig(d_type=DsType.DsGoogleStorage, fqdn=url, dpath="images"), None
        case _:
            sftp = servers.sftp
            key = (sftp.host_key.encode(),)
            store = DatastoreConfig(d_type=DsType.DsSFTP, fqdn=sftp.address, ds_cert_pem=key)
            return store, Credentials(sftp.user, sftp.private_key)


class Node:
    """A storage subsystem that brings one content tree at a time."""

    def __init__(self, vault: Path, settings: StorageSettings = FAST) -> None:
        self.vault = vault
        self.settings = settings
        self.uplinks: tuple[Uplink, ...] = (Uplink(),)

    async def _choose(self, url: str) -> tuple[Uplink, ...]:
        return self.uplinks

    async def bring(
        self, store: DatastoreConfig, secret: Credentials | None, **changes: object
    ) -> str:
        """Blank when it is here and verified, else the fault as it is reported."""
        named = replace(store, id="d", password="x" if secret else "")
        asked = ContentTreeConfig(
            uuid=TREE, ds_id="d", url=NAME, iformat=Format.RAW, sha256=SHA, generation_count=1
        )
        tree = content_tree(replace(asked, **changes), {"d": named})  # type: ignore[arg-type]  # fields by name
        storage = StorageSubsystem(
            self.vault,
            lambda: datetime.now(UTC),
            settings=self.settings,
            credentials=lambda _: secret,
            uplinks=self._choose,
        )
        reconciler = Reconciler(storage.configurators(), lambda: datetime.now(UTC))
        reconciler.observed(storage.kinds, await storage.observe())
        reconciler.intend({tree.ref: tree})
        status = (await reconciler.settle()).items[tree.ref]
        if status.state is ItemState.FAILED:
            assert status.fault is not None
            return status.fault.text
        assert (self.vault / "blobs" / "sha256" / tree.sha256).read_bytes() == DATA
        return ""


def through(store: DatastoreConfig, port: int) -> DatastoreConfig:
    """The same server by another port."""
    head, _, old = store.fqdn.rpartition(":")
    _, stroke, path = old.partition("/")
    return replace(store, fqdn=f"{head}:{port}{stroke}{path}")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_arrives_from_a_datastore_of_each_kind(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    assert await Node(tmp_path / "vault").bring(*wish(servers, kind)) == ""


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cut_in_the_middle_is_resumed_where_it_was(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    store, secret = wish(servers, kind)
    async with Relay(store.fqdn) as line:
        line.cut_after = len(DATA) // 2
        assert await Node(tmp_path / "vault").bring(through(store, line.port), secret) == ""
    assert len(line.sources) >= 2
    assert line.carried < len(DATA) * 1.25


@pytest.mark.parametrize("kind", KINDS)
async def test_a_missing_object_is_named_with_what_to_check(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    fault = await Node(tmp_path / "vault").bring(*wish(servers, kind), url="apps/none.img")
    assert "apps/none.img" in fault
    assert "check the name and the path" in fault


@pytest.mark.parametrize("kind", KINDS)
async def test_an_object_that_is_larger_than_announced_is_not_fetched(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    node = Node(tmp_path / "vault")
    fault = await node.bring(*wish(servers, kind), max_size_bytes=1000)
    assert f"{len(DATA)} bytes" in fault
    assert "announced were at most 1000" in fault
    parts = [path.stat().st_size for path in (node.vault / "downloads").glob("*.part")]
    assert sum(parts) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_flipped_byte_is_told_and_nothing_of_it_is_kept(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    node = Node(tmp_path / "vault")
    other = hashlib.sha256(DATA[:-1] + bytes([DATA[-1] ^ 1])).hexdigest()
    fault = await node.bring(*wish(servers, kind), sha256=other)
    assert f"sha256 {SHA}" in fault
    assert other in fault
    assert not list((node.vault / "downloads").glob("*.part"))


WRONG = {
    "https": ("node", "guess", "check the credentials"),
    "azure": (AZURE_ACCOUNT, "Z3Vlc3M=", "AuthenticationFailed|AuthorizationFailure"),
    "s3": ("", "guess", "SignatureDoesNotMatch"),
    "sftp": ("nobody-here", "guess", "does not let in user 'nobody-here'"),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_credential_is_told_and_never_shown(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    store, right = wish(servers, kind)
    assert right is not None
    user, password, seen = WRONG[kind]
    wrong = Credentials(user or right.username, password)
    with capture_logs() as logs:
        fault = await Node(tmp_path / "vault").bring(store, wrong)
    assert any(word in fault for word in seen.split("|")), fault
    assert password not in fault + str(logs)


@pytest.mark.parametrize("kind", ["https", "sftp"])
async def test_a_dead_uplink_gives_way_to_the_next_and_its_source_address(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    store, secret = wish(servers, kind)
    node = Node(tmp_path / "vault")
    async with Relay(store.fqdn) as line:
        dead = Uplink(proxy="http://127.0.0.1:9")
        node.uplinks = (dead, Uplink(source_address="127.0.0.3", interface="lo"))
        assert await node.bring(through(store, line.port), secret) == ""
    assert set(line.sources) == {"127.0.0.3"}


@pytest.mark.parametrize("kind", ["https", "sftp"])
async def test_the_proxy_of_the_uplink_is_used(kind: str, servers: Servers, tmp_path: Path) -> None:
    store, secret = wish(servers, kind)
    node = Node(tmp_path / "vault")
    async with Relay(store.fqdn, proxy=True) as line:
        node.uplinks = (Uplink(proxy=f"http://me:word@127.0.0.1:{line.port}"),)
        assert await node.bring(store, secret) == ""
    assert line.asked.startswith(b"CONNECT 127.0.0.1:")
    assert b"Basic bWU6d29yZA==" in line.asked


async def test_a_certificate_of_a_wrong_authority_is_refused(
    servers: Servers, tmp_path: Path
) -> None:
    store, secret = wish(servers, "https")
    fault = await Node(tmp_path / "vault").bring(replace(store, ds_cert_pem=()), secret)
    assert "its certificate is not trusted" in fault
    assert "give the datastore the certificate of its authority" in fault


async def test_a_shared_access_signature_stands_in_for_the_key_and_its_end_is_told(
    servers: Servers, tmp_path: Path
) -> None:
    store, _ = wish(servers, "azure")
    now = time.time()
    good = azure_sas("r", now + 600, kind="c", name="images")
    ended = azure_sas("r", now - 600, kind="c", name="images")
    with capture_logs() as logs:
        node = Node(tmp_path / "vault")
        fault = await node.bring(store, Credentials("", f"?{ended}"))
        assert "the shared access signature ended at" in fault
        assert await node.bring(store, Credentials("", good)) == ""
        withheld = await Node(tmp_path / "other", STRICT).bring(store, Credentials("", good))
    assert "AuthorizationFailure" in withheld
    assert "check its credentials" in withheld
    said = fault + withheld + str(logs) + str(sorted(os.walk(node.vault)))
    assert "sig=" not in said
    for record in (*node.vault.rglob("*.json"), *node.vault.rglob("*.progress")):
        assert b"sig=" not in record.read_bytes()


async def test_a_host_that_shows_another_key_gets_no_password(
    servers: Servers, tmp_path: Path
) -> None:
    store, secret = wish(servers, "sftp")
    other = replace(store, ds_cert_pem=(servers.sftp.other_key.encode(),))
    fault = await Node(tmp_path / "vault").bring(other, secret)
    assert "the server's key is SHA256:" in fault
    assert "give the datastore the new public key" in fault


async def test_the_key_that_a_host_showed_first_is_the_one_it_keeps(
    servers: Servers, tmp_path: Path
) -> None:
    store, secret = wish(servers, "sftp")
    node = Node(tmp_path / "vault")
    unknown = replace(store, ds_cert_pem=())
    assert await node.bring(unknown, secret) == ""
    (pin,) = (node.vault / "hosts").iterdir()
    assert pin.read_text().split()[:2] == servers.sftp.host_key.split()[:2]
    pin.write_text(servers.sftp.other_key)
    again = hashlib.sha256(b"other").hexdigest()
    assert "the server's key is SHA256:" in await node.bring(
        unknown, secret, sha256=again, generation_count=2
    )


@pytest.fixture(scope="module")
def account() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def key_file(key: rsa.RSAPrivateKey, token_uri: str) -> str:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "node@example.iam",
            "private_key": pem.decode(),
            "private_key_id": "k1",
            "token_uri": token_uri,
        }
    )


async def test_a_service_account_gets_a_token_and_renews_one_that_is_refused(
    servers: Servers, account: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    url = servers.google()
    gate = (
        f'location / {{ if ($http_authorization != "Bearer second") {{ return 401; }}\n'
        f"proxy_pass {url}; }}\n"
    )
    with nginx(tmp_path / "gate", gate) as web, datastore() as tokens:
        tokens.tokens = ["first", "second"]
        secret = Credentials("project", key_file(account, f"{tokens.url}/token"))
        store = DatastoreConfig(
            d_type=DsType.DsGoogleStorage,
            fqdn=web.https,
            dpath="images",
            ds_cert_pem=(web.authority.encode(),),
        )
        assert await Node(tmp_path / "vault").bring(store, secret) == ""
        assert tokens.requests_of("/token") == 2
        tokens.status = 400
        fault = await Node(tmp_path / "other").bring(store, secret)
    assert "no token for node@example.iam: HTTP status 400" in fault
    assert "PRIVATE KEY" not in fault


async def test_a_redirect_to_another_host_takes_no_credentials_along(tmp_path: Path) -> None:
    with datastore({f"/far/{SHA}": DATA}) as far, datastore() as near:
        path = "/images/apps/disk.img"
        near.redirect = {path: f"http://localhost:{far.port}/far/{SHA}"}
        secret = Credentials("AKIDEXAMPLE", "secret")
        for kind in (DsType.DsHttp, DsType.DsS3):
            store = DatastoreConfig(d_type=kind, fqdn=near.url, dpath="images")
            vault = tmp_path / kind.name
            assert await Node(vault).bring(store, secret, url="apps/disk.img") == ""
    assert all(seen.authorization for seen in near.seen)
    assert len(near.seen) == len(far.seen) == 2
    assert [seen.authorization for seen in far.seen] == ["", ""]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_datastore_is_asked_again_when_it_said(status: int, tmp_path: Path) -> None:
    with datastore({f"/{SHA}": DATA}) as store:
        store.busy = [(status, "1"), (status, "")]
        wanted = DatastoreConfig(d_type=DsType.DsHttp, fqdn=store.url)
        began = time.monotonic()
        assert await Node(tmp_path / "vault").bring(wanted, None, url=SHA) == ""
        assert time.monotonic() - began >= 1
        assert len(store.seen) == 3
        store.busy = [(status, "900")]
        fault = await Node(tmp_path / "other").bring(wanted, None, url=SHA)
        assert f"HTTP status {status}" in fault
        assert len(store.seen) == 4  # so long a pause is for the timer of downloads
