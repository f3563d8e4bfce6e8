"""Datastores of every kind: the real programs, each on a port of its own, for as long as asked.

Each is yielded as a function that waits until it is up, fills it the first time, and says how to
get in: so that several start at the same time.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

from support.datastore import private_authority

START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def program(
    argv: Sequence[str], log: Path, port: int, env: Mapping[str, str] | None = None
) -> Generator[Callable[[], None], None, None]:
    """Runs it until the end of the block; what is yielded waits until its port answers."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *argv],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )

    def wait() -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"{argv} did not start: {log.read_text()}") from None
                time.sleep(0.05)

    try:
        yield wait
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def call(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """One request of a set-up; whatever is not 2xx is an error."""
    usual = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(  # noqa: S310 - our own servers
        url, data=body, headers={**usual, **(headers or {})}, method=method
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
        return bytes(answer.read())


@dataclass(frozen=True)
class Keys:
    """Where a datastore is, and what lets one in."""

    address: str
    user: str = ""
    password: str = ""


READ_POLICY = (
    '{"Version": "2012-10-17", "Statement": '
    '[{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}'
)
IAM = (
    "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/iam/aws4_request, "
    "SignedHeaders=host, Signature=x"
)


@contextmanager
def s3_server(
    folder: Path, bucket: str, files: Mapping[str, bytes]
) -> Generator[Callable[[], Keys], None, None]:
    """Moto with its authorization on: signatures are checked, and the user may only read."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1"]

    def iam(**words: str) -> str:
        form = urlencode({"Version": "2010-05-08", "UserName": "node", **words}).encode()
        kind = "application/x-www-form-urlencoded"
        head = {"Authorization": IAM, "Content-Type": kind}
        return call("POST", f"{url}/", form, head).decode()

    with program([*argv, "-p", str(port)], folder / "moto.log", port) as wait:

        @cache
        def ready() -> Keys:
            wait()
            call("PUT", f"{url}/{bucket}")
            for name, data in files.items():
                call("PUT", f"{url}/{bucket}/{quote(name)}", data)
            iam(Action="CreateUser")
            made = iam(Action="CreateAccessKey")
            iam(Action="PutUserPolicy", PolicyName="read", PolicyDocument=READ_POLICY)
            call("POST", f"{url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
            found = [re.search(f"<{w}>(.*?)<", made) for w in ("AccessKeyId", "SecretAccessKey")]
            key, secret = (match[1] if match else "" for match in found)
            return Keys(url, key, secret)

        yield ready


AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = (  # that of every such server; its documentation shows it
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
AZURE_VERSION = "2020-10-02"


def azurite_program() -> Path:
    """Installed by packaging/ensure-azurite, which says where."""
    script = Path(__file__).parents[2] / "packaging" / "ensure-azurite"
    made = subprocess.run([str(script)], check=True, capture_output=True, text=True)
    return Path(made.stdout.strip().splitlines()[-1])


@contextmanager
def azure_server(
    folder: Path, container: str, files: Mapping[str, bytes]
) -> Generator[Callable[[], Keys], None, None]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
    argv = ["node", str(azurite_program()), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    argv += ["--inMemoryPersistence", "--disableTelemetry", "--silent"]
    with program(argv, folder / "azurite.log", port) as wait:

        @cache
        def ready() -> Keys:
            wait()
            _azure_container(url, container)
            sas = azure_sas("rwcl", time.time() + 600, kind="c", name=container)
            head = {"x-ms-version": AZURE_VERSION, "x-ms-blob-type": "BlockBlob"}
            for name, data in files.items():
                call("PUT", f"{url}/{container}/{quote(name)}?{sas}", data, head)
            return Keys(url, AZURE_ACCOUNT, AZURE_KEY)

        yield ready


def _azure_container(url: str, container: str) -> None:
    """What a signature for one container cannot do."""
    date = formatdate(usegmt=True)
    path = f"/{AZURE_ACCOUNT}/{container}"
    said = ["PUT", *[""] * 11, f"x-ms-date:{date}", f"x-ms-version:{AZURE_VERSION}"]
    to_sign = "\n".join([*said, f"/{AZURE_ACCOUNT}{path}", "restype:container"])
    head = {"x-ms-date": date, "x-ms-version": AZURE_VERSION, "Content-Type": ""}
    head["Authorization"] = f"SharedKey {AZURE_ACCOUNT}:{_azure_mac(to_sign)}"
    call("PUT", f"{url}/{container}?restype=container", None, head)


def azure_sas(rights: str, until: float, *, kind: str, name: str) -> str:
    """A shared access signature for a container ("c") or a blob ("b", "container/blob")."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
    resource = f"/blob/{AZURE_ACCOUNT}/{name}"
    fields = [rights, "", end, resource, "", "", "", AZURE_VERSION, kind, *[""] * 6]
    query = {"sp": rights, "se": end, "sv": AZURE_VERSION, "sr": kind}
    return urlencode({**query, "sig": _azure_mac("\n".join(fields))})


def _azure_mac(text: str) -> str:
    key = base64.b64decode(AZURE_KEY)
    return base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()


@contextmanager
def google_server(
    folder: Path, bucket: str, files: Mapping[str, bytes]
) -> Generator[Callable[[], str], None, None]:
    """The emulator lets everybody in: `nginx` before it asks for a token."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-W", "ignore", "-m", "gcp_storage_emulator", "start", "--in-memory"]
    argv += ["--host", "127.0.0.1", "--port", str(port), "--default-bucket", bucket]
    with program(argv, folder / "google.log", port) as wait:

        @cache
        def ready() -> str:
            wait()
            for name, data in files.items():
                place = f"{url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name)}"
                call("POST", place, data)
            return url

        yield ready


@dataclass(frozen=True)
class Sftp:
    address: str
    user: str
    private_key: str  # lets the user in
    host_key: str  # public
    other_key: str  # public, of nobody
    files: Path


@contextmanager
def sftp_server(folder: Path, files: Mapping[str, bytes]) -> Generator[Sftp, None, None]:
    """OpenSSH's server for the user who runs the tests, by key alone."""
    root = folder / "files"
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    for name in ("host", "user", "other"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
        subprocess.run(words, check=True)
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        f"Subsystem sftp internal-sftp -d {root}\n"
    )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    name = "root" if os.geteuid() == 0 else os.environ["USER"]
    argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
    with program(argv, folder / "sshd.log", port) as wait:
        wait()
        yield Sftp(
            f"127.0.0.1:{port}",
            name,
            (folder / "user").read_text(),
            (folder / "host.pub").read_text(),
            (folder / "other.pub").read_text(),
            root,
        )


@dataclass(frozen=True)
class Nginx:
    https: str
    authority: str  # PEM
    folder: Path  # what is below /files/ and, for "node" with "secret", below /users/


@contextmanager
def nginx(folder: Path, extra: str = "") -> Generator[Nginx, None, None]:
    """TLS by a private authority; `extra` stands in the server block."""
    root = folder / "www"
    root.mkdir(parents=True)
    _, authority = private_authority(folder / "tls")
    password = "{SHA}" + base64.b64encode(hashlib.sha1(b"secret").digest()).decode()  # noqa: S324 - htpasswd's
    (folder / "users").write_text(f"node:{password}\n")
    port = free_port()
    config = folder / "nginx.conf"
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off;\nuser root;\npid {folder}/nginx.pid;\nerror_log stderr;\n"
        "worker_processes 1;\nevents { worker_connections 64; }\nhttp {\n"
        f"access_log {folder}/access.log;\n{temporary}"
        f"server {{\nlisten 127.0.0.1:{port} ssl;\n"
        f"ssl_certificate {folder}/tls/leaf.pem;\nssl_certificate_key {folder}/tls/leaf.pem;\n"
        f"location /files/ {{ alias {root}/; }}\n"
        f"location /users/ {{ alias {root}/; auth_basic files; "
        f"auth_basic_user_file {folder}/users; }}\n{extra}}}\n}}\n"
    )
    with program(["nginx", "-e", "stderr", "-c", str(config)], folder / "nginx.log", port) as wait:
        wait()
        yield Nginx(f"https://127.0.0.1:{port}", authority, root)


@dataclass
class Line:
    """A way to a server that can be cut, and that counts who came from where."""

    port: int = 0
    cut_after: int = 0  # bytes from the server; then this connection ends, and later ones hold
    carried: int = 0
    sources: tuple[str, ...] = ()
    asked: bytes = b""  # the first bytes of the last client


class Relay:
    """Copies both ways; speaks CONNECT first where it is used as a proxy."""

    def __init__(self, target: str, *, proxy: bool = False) -> None:
        host, _, port = target.rpartition("://")[2].partition("/")[0].rpartition(":")
        self._target = (host, int(port))
        self._proxy = proxy
        self.line = Line()

    async def __aenter__(self) -> Line:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.line.port = int(self._server.sockets[0].getsockname()[1])
        return self.line

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = self.line
        line.sources = (*line.sources, str(writer.get_extra_info("peername")[0]))
        if self._proxy:
            line.asked = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 go on\r\n\r\n")
        there_reader, there = await asyncio.open_connection(*self._target)
        back = asyncio.ensure_future(self._back(there_reader, writer))
        try:
            while data := await reader.read(65536):
                there.write(data)
                await there.drain()
            await back
        except (ConnectionError, asyncio.CancelledError):
            back.cancel()
        finally:
            there.close()
            writer.close()

    async def _back(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = self.line
        while data := await there.read(16384):
            if line.cut_after and line.carried + len(data) > line.cut_after:
                line.cut_after = 0
                writer.transport.abort()
                return
            line.carried += len(data)
            writer.write(data)
            await writer.drain()
        writer.close()
