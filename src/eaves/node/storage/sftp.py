"""Files by SFTP: resumable, over the same uplinks and proxies as all else, from a known host.

A server shows the key it was given in the datastore.  Where none is given, the key that it showed
first is kept below the vault, and another one is refused from then on.  Imported only where a
datastore is of this kind: the library is large.
"""

import asyncio
import base64
import hashlib
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import asyncssh
import structlog
from asyncssh.constants import FILEXFER_TYPE_REGULAR

from eaves.errors import Rejected, Transient
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.resolve import is_literal
from eaves.node.host.sockets import AddressInfo, bound
from eaves.node.storage.authorizers import Credentials
from eaves.node.storage.partial import Partial
from eaves.node.storage.records import Layout
from eaves.node.storage.transfer import (
    CONNECT_S,
    TRIES_WITHOUT_PROGRESS,
    Intake,
    Job,
    NetworkError,
    Pace,
    Uplink,
    at_once,
    check_size,
    end,
    nothing,
    persist,
)

log = structlog.get_logger(__name__)

CHUNK = 256 * 1024  # asked for in several requests at once, so that a long link is filled
MOST_PROXY_ANSWER = 8 * 1024
PORT = 22


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL of ours points."""

    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> "Place":
        parts = urlsplit(url)
        path = url.partition("://")[2].partition("/")[2]  # as it is: nothing in it is special
        return cls(parts.hostname or "", parts.port or PORT, path)


class SftpFiles:
    """The files of one SFTP datastore.  `host_keys`: lines as in known_hosts or *.pub."""

    def __init__(
        self,
        uplinks: tuple[Uplink, ...],
        host_keys: Sequence[str],
        credentials: Credentials | None,
        stalled_s: float,
        pace: Pace = at_once,
    ) -> None:
        self._pace = pace
        self._uplinks = uplinks or (Uplink(),)
        self._given = tuple(key for text in host_keys for key in _keys(text))
        self._credentials = credentials
        self._stalled_s = stalled_s
        self._turn = 0

    async def download(self, layout: Layout, job: Job) -> str:
        patience = max(TRIES_WITHOUT_PROGRESS, len(self._uplinks))

        async def go_on(partial: Partial) -> None:
            try:
                async with self._connected(layout, job.url) as client:
                    await self._go_on(client, partial, job)
            except NetworkError:
                self._turn += 1
                raise

        return await persist(layout, job, go_on, patience)

    async def _go_on(self, client: asyncssh.SFTPClient, partial: Partial, job: Job) -> None:
        url = job.url
        async with asyncio.timeout(self._stalled_s), _told(url, self._stalled_s):
            found = await client.stat(Place.of(url).path)
        if found.type != FILEXFER_TYPE_REGULAR or found.size is None:
            raise Rejected(f"{url}: is not a plain file; check the name and the path")
        total = found.size
        mark = f"{total}-{found.mtime}"
        if partial.offset and (partial.arrived.url, partial.arrived.etag) != (url, mark):
            partial.restart()
        check_size(url, job.wanted, total)
        job.admit(total, total - partial.offset)
        partial.begin(url, mark, "", total)
        job.note(partial.offset, total)
        uplink = self._uplinks[self._turn % len(self._uplinks)]
        async with _told(url, self._stalled_s):
            file = await client.open(Place.of(url).path, "rb")
            async with Intake(partial, job, total) as intake:
                while (left := total - intake.offset) > 0:
                    async with asyncio.timeout(self._stalled_s):
                        # The library says "str or bytes", which the mode decides: it is binary.
                        chunk = cast("bytes", await file.read(min(CHUNK, left), intake.offset))
                    if not chunk:
                        break
                    await intake.take(chunk)
                    await self._pace(uplink.interface, len(chunk))
        end(partial, url, total)

    @asynccontextmanager
    async def _connected(
        self, layout: Layout, url: str
    ) -> AsyncGenerator[asyncssh.SFTPClient, None]:
        place = Place.of(url)
        uplink = self._uplinks[self._turn % len(self._uplinks)]
        pin = layout.vault / "hosts" / f"{_name(place)}.pub"
        known = self._given or tuple(_keys((read_or_none(pin) or b"").decode(errors="replace")))
        host = _Host(known)
        who = self._credentials or Credentials("", "")
        async with _told(url, self._stalled_s, host, who.username):
            async with asyncio.timeout(CONNECT_S):
                sock = await connected_socket(uplink, place.host, place.port)
            try:
                connection = await asyncssh.connect(
                    place.host,
                    place.port,
                    sock=sock,
                    client_factory=lambda: host,
                    options=_options(who, known),
                )
            except BaseException:
                sock.close()
                raise
            async with connection:
                if not known:
                    _pin(pin, connection.get_server_host_key())
                async with connection.start_sftp_client() as client:
                    yield client


class _Host(asyncssh.SSHClient):
    """Looks at the key that a server shows.  Called only for a key that is not among the known."""

    def __init__(self, known: tuple[asyncssh.SSHKey, ...]) -> None:
        self.known = known
        self.shown = ""

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.shown = key.get_fingerprint()
        return not self.known


@asynccontextmanager
async def _told(
    url: str, stalled_s: float, host: _Host | None = None, user: str = ""
) -> AsyncGenerator[None, None]:
    """Whatever goes wrong with the peer is one of our errors."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        known = ", ".join(key.get_fingerprint() for key in host.known) if host else ""
        raise Transient(
            f"{url}: the server's key is {host.shown if host else ''}, known is {known}; if it "
            "was changed on purpose, give the datastore the new public key"
        ) from error
    except asyncssh.PermissionDenied as error:
        raise Transient(
            f"{url}: the server does not let in user {user!r}; check user name and password (or "
            "private key) of the datastore"
        ) from error
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise Transient(f"{url}: it is not there; check the name and the path") from error
    except asyncssh.SFTPPermissionDenied as error:
        raise Transient(f"{url}: the user may not read it; check its rights") from error
    except TimeoutError as error:
        raise NetworkError(f"{url}: {nothing(stalled_s)}") from error
    except (asyncssh.Error, OSError) as error:
        raise NetworkError(f"{url}: {str(error) or type(error).__name__}") from error


def _options(
    who: Credentials, known: tuple[asyncssh.SSHKey, ...]
) -> asyncssh.SSHClientConnectionOptions:
    """Nothing of this host's own configuration, agents or keys plays a part."""
    secret = who.password.strip()
    nobody: list[asyncssh.SSHKey] = []  # neither authorities nor keys that were revoked
    keys: list[asyncssh.SSHKey] = []
    if secret.startswith("-----BEGIN"):
        try:
            keys = [asyncssh.import_private_key(secret)]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
            raise Rejected(
                "the password of the datastore looks like a private key but cannot be read as "
                "one; give it whole and without a passphrase"
            ) from error
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        username=who.username or "anonymous",
        password=None if keys else who.password,
        client_keys=keys or None,
        agent_path=None,
        gss_host=None,
        known_hosts=(list(known), nobody, nobody),
        connect_timeout=CONNECT_S,
        login_timeout=CONNECT_S,
        keepalive_interval=CONNECT_S,
    )


async def connected_socket(uplink: Uplink, host: str, port: int) -> socket.socket:
    """To the host by that uplink, through its proxy if it has one.  Raises OSError."""
    proxy = urlsplit(uplink.proxy if "://" in uplink.proxy else f"http://{uplink.proxy}")
    if not uplink.proxy:
        return await _dial(uplink, host, port)
    if proxy.scheme != "http" or not proxy.hostname:
        raise OSError(f"proxy {proxy.hostname}: only http proxies can pass SFTP on")
    sock = await _dial(uplink, proxy.hostname, proxy.port or 80)
    try:
        await _tunnel(sock, proxy.username, proxy.password, f"{host}:{port}")
    except BaseException:
        sock.close()
        raise
    return sock


async def _addresses(uplink: Uplink, host: str, port: int) -> list[AddressInfo]:
    """By the DNS servers of the port, if it has any.  Raises OSError."""
    loop = asyncio.get_running_loop()
    names = uplink.resolver()
    hosts = [host] if names is None or is_literal(host) else await names.names(host)
    found: list[AddressInfo] = []
    for one in hosts:
        found += await loop.getaddrinfo(one, port, type=socket.SOCK_STREAM)
    return found


async def _dial(uplink: Uplink, host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for info in await _addresses(uplink, host, port):
        try:
            sock = bound(info, uplink.interface, uplink.source_address)
        except OSError as error:
            failure = error
            continue
        try:
            await loop.sock_connect(sock, cast("tuple[str, int]", info[4]))
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure or OSError(f"{host} has no address")


async def _tunnel(sock: socket.socket, user: str | None, password: str | None, to: str) -> None:
    loop = asyncio.get_running_loop()
    lines = [f"CONNECT {to} HTTP/1.1", f"Host: {to}"]
    if user:
        pair = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {pair}")
    await loop.sock_sendall(sock, ("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # byte by byte: what follows is the server's
        byte = await loop.sock_recv(sock, 1)
        answer += byte
        if not byte or len(answer) > MOST_PROXY_ANSWER:
            raise OSError("the proxy ended without an answer")
    words = answer.split(b" ", 2)
    if len(words) < 2 or words[1] != b"200":
        seen = words[1][:3].decode(errors="replace") if len(words) > 1 else "nothing"
        raise OSError(f"the proxy does not pass it on to {to}: HTTP status {seen}")


def _keys(text: str) -> list[asyncssh.SSHKey]:
    """Public keys, one on a line: `ssh-ed25519 AAAA...`, with or without a host before it."""
    if "-----BEGIN CERTIFICATE" in text:
        raise Rejected(
            "an SFTP datastore has a certificate; give it the public key of the host instead "
            "(ssh-keyscan shows it)"
        )
    keys: list[asyncssh.SSHKey] = []
    for line in (line.strip() for line in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        words = line.split()
        begins = next((n for n, w in enumerate(words) if w.startswith(("ssh-", "ecdsa-"))), 0)
        try:
            keys.append(asyncssh.import_public_key(" ".join(words[begins : begins + 2])))
        except (asyncssh.KeyImportError, ValueError) as error:
            raise Rejected(
                f"host key {line[:40]!r} of an SFTP datastore cannot be read; write it as "
                "ssh-keyscan does"
            ) from error
    return keys


def _pin(path: Path, key: asyncssh.SSHKey | None) -> None:
    if key is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, key.export_public_key())
    log.info("host_key_kept", host=path.stem, key=key.get_fingerprint())


def _name(place: Place) -> str:
    """A file name: hosts may be written with any character."""
    plain = f"{place.host}_{place.port}"
    if all(c.isalnum() or c in "._-" for c in plain):
        return plain
    return hashlib.sha256(plain.encode()).hexdigest()[:32]
