"""Real servers to fetch from: files by http(s) with byte ranges, and a container registry.

The file server counts what it hands to its sockets and can cut, stall, lie and refuse on request.
"""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CHUNK = 64 * 1024


class Cut(Exception):
    """Raised by a hook: the connection ends here."""


@dataclass
class Seen:
    """One request as it came."""

    path: str
    range: str
    authorization: str


@dataclass
class Datastore:
    """The files of a server, and what it does beside serving them."""

    files: dict[str, bytes | Path] = field(default_factory=dict)
    etag: bool = True
    ranges: bool = True
    announce: bool = True  # a Content-Length
    user: str = ""  # "name:password" that basic authentication must bring
    token_user: str = ""  # the same, asked for by /token; all else wants the token
    status: int = 0  # answer everything with it
    tokens: list[str] = field(default_factory=list[str])
    """What POST gives out as access tokens, in this order; the last one again and again."""
    busy: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Answers these (status, Retry-After) first, one each."""
    before_chunk: Callable[[int, int], None] | None = None  # bytes served in all, chunk to come
    served: int = 0
    seen: list[Seen] = field(default_factory=list)
    address: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    redirect: Mapping[str, str] = field(default_factory=dict[str, str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}"

    def requests_of(self, path: str) -> int:
        return sum(seen.path == path for seen in self.seen)

    def count(self, size: int) -> None:
        with self.lock:
            self.served += size


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: ClassVar[Datastore]

    def do_GET(self) -> None:
        store = self.store
        path = self.path.partition("?")[0]
        asked = self.headers.get("Range", "")
        store.seen.append(Seen(path, asked, self.headers.get("Authorization", "")))
        if store.busy:
            status, after = store.busy.pop(0)
            return self._plain(status, {"Retry-After": after})
        if store.status:
            return self._plain(store.status)
        if store.token_user:
            if path == "/token":
                return self._token(store.token_user)
            if self.headers.get("Authorization") != "Bearer one-day-ticket":
                realm = f'Bearer realm="{store.url}/token",service="test",scope="repository:x:pull"'
                return self._plain(401, {"WWW-Authenticate": realm})
        if store.user and not self._knows(store.user):
            return self._plain(401, {"WWW-Authenticate": 'Basic realm="files"'})
        if path in store.redirect:
            return self._plain(302, {"Location": store.redirect[path]})
        if path not in store.files:
            return self._plain(404)
        return self._serve(store.files[path], asked)

    def do_POST(self) -> None:
        store = self.store
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        store.seen.append(Seen(self.path, "", form))
        if store.status or not store.tokens:
            return self._plain(store.status or 404)
        token = store.tokens.pop(0) if len(store.tokens) > 1 else store.tokens[0]
        return self._json({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _knows(self, user: str) -> bool:
        wanted = "Basic " + base64.b64encode(user.encode()).decode()
        return self.headers.get("Authorization") == wanted

    def _token(self, user: str) -> None:
        if not self._knows(user):
            return self._plain(401)
        return self._json({"token": "one-day-ticket"})

    def _json(self, answer: Mapping[str, object]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _plain(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _serve(self, content: bytes | Path, asked: str) -> None:
        store = self.store
        data = content if isinstance(content, bytes) else content.read_bytes()
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        start = 0
        match = re.fullmatch(r"bytes=(\d+)-", asked)
        condition = self.headers.get("If-Range")
        if match and store.ranges and condition in {None, etag}:
            start = int(match[1])
            if start >= len(data):
                return self._plain(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if store.etag:
            self.send_header("ETag", etag)
        if store.announce:
            self.send_header("Content-Length", str(len(data) - start))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        return self._send(memoryview(data)[start:])

    def _send(self, data: memoryview) -> None:
        store = self.store
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHUNK)
        try:
            for at in range(0, len(data), CHUNK):
                chunk = data[at : at + CHUNK]
                if store.before_chunk is not None:
                    store.before_chunk(store.served, len(chunk))
                self.wfile.write(chunk)
                store.count(len(chunk))
        except (Cut, OSError):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it
        """Quiet: the tests look at `seen`."""


@contextmanager
def datastore(
    files: Mapping[str, bytes | Path] | None = None, tls: ssl.SSLContext | None = None
) -> Generator[Datastore, None, None]:
    store = Datastore(dict(files or {}), tls=tls is not None)
    handler = type("Handler", (_Handler,), {"store": store})
    server = ThreadingHTTPServer((store.address, 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    store.port = server.server_address[1]
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def private_authority(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server context for 127.0.0.1 and the PEM of the authority that signed it."""
    now = datetime.now(UTC)

    def certificate(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        issuer = x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Root")
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([issuer]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    root_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    root = (
        certificate("Test Root", root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        certificate("127.0.0.1", key)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "leaf.pem").write_bytes(
        leaf.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return context, root.public_bytes(serialization.Encoding.PEM).decode()


# Container images and a registry.


@dataclass(frozen=True)
class Entry:
    """One tar entry.  `kind` is a tarfile type; `link` the target of a link."""

    name: str
    data: bytes = b""
    kind: bytes = tarfile.REGTYPE
    link: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


def layer(*entries: Entry, gzip: bool = True) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz" if gzip else "w") as tar:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.type, info.linkname, info.mode = entry.kind, entry.link, entry.mode
            info.uid, info.gid, info.size = entry.uid, entry.gid, len(entry.data)
            if entry.kind in {tarfile.CHRTYPE, tarfile.BLKTYPE}:
                info.devmajor, info.devminor = 1, 3
            tar.addfile(info, io.BytesIO(entry.data))
    return out.getvalue()


@dataclass(frozen=True)
class StaticImage:
    """An image as the paths of a registry serve it."""

    digest: str
    files: Mapping[str, bytes]
    blobs: tuple[str, ...]  # digests of config and layers


def static_image(
    repository: str,
    layers: tuple[bytes, ...],
    config: Mapping[str, object] | None = None,
    *,
    tag: str = "1",
    index: bool = True,
) -> StaticImage:
    """Put together here, for what image builders would not make."""
    files: dict[str, bytes] = {}

    def descriptor(data: bytes, media_type: str, folder: str = "blobs") -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        files[f"/v2/{repository}/{folder}/{digest}"] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    oci = "application/vnd.oci.image"
    said = {"architecture": "amd64", "os": "linux", "config": dict(config or {})}
    head = descriptor(json.dumps(said).encode(), f"{oci}.config.v1+json")
    parts = [descriptor(data, f"{oci}.layer.v1.tar+gzip") for data in layers]
    top = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": f"{oci}.manifest.v1+json",
            "config": head,
            "layers": parts,
        }
    ).encode()
    if index:
        other = {"mediaType": f"{oci}.manifest.v1+json", "digest": "sha256:" + 64 * "0", "size": 1}
        mine = descriptor(top, f"{oci}.manifest.v1+json", "manifests")
        entries = [
            {**other, "platform": {"os": "linux", "architecture": "s390x"}},
            {**mine, "platform": {"os": "linux", "architecture": "amd64"}},
        ]
        top = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{oci}.index.v1+json",
                "manifests": entries,
            }
        ).encode()
    digest = str(descriptor(top, "", "manifests")["digest"])
    files[f"/v2/{repository}/manifests/{tag}"] = top
    return StaticImage(
        digest.removeprefix("sha256:"), files, tuple(str(p["digest"]) for p in (head, *parts))
    )


def busybox_image(folder: Path, *, text: str = "hello") -> Path:
    """An OCI layout made by the usual tool: busybox, a file, an entrypoint; tag `v1`."""
    layout = folder / "layout"
    root = folder / "bundle"

    def umoci(*words: str) -> None:
        subprocess.run(["umoci", *words], check=True, capture_output=True)

    umoci("init", "--layout", str(layout))
    umoci("new", "--image", f"{layout}:v1")
    umoci("unpack", "--image", f"{layout}:v1", str(root))
    (root / "rootfs" / "bin").mkdir()
    shutil.copy2("/bin/busybox", root / "rootfs" / "bin" / "busybox")
    (root / "rootfs" / "hello.txt").write_text(text)
    umoci("repack", "--image", f"{layout}:v1", str(root))
    umoci(
        *("config", "--image", f"{layout}:v1", "--config.entrypoint", "/bin/busybox"),
        *("--config.cmd", "cat", "--config.cmd", "/hello.txt", "--config.env", "GREETING=hi"),
    )
    shutil.rmtree(root)
    return layout


@dataclass
class Registry:
    port: int
    log: Path
    user: str = ""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def push(self, layout: Path, name: str, tag: str = "v1") -> None:
        creds = ["--dest-creds", self.user] if self.user else []
        subprocess.run(
            [
                *("skopeo", "copy", "--quiet", "--dest-tls-verify=false", *creds),
                *(f"oci:{layout}:{tag}", f"docker://{self.address}/{name}"),
            ],
            check=True,
            capture_output=True,
        )

    def blob_reads(self) -> list[str]:
        """Digests that were read, in order."""
        return re.findall(r'"GET /v2/\S+/blobs/(sha256:[0-9a-f]{64})', self.log.read_text())


@contextmanager
def docker_registry(folder: Path, user: str = "") -> Generator[Registry, None, None]:
    """The real program; `user` is "name:password" for basic authentication."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    auth = ""
    if user:
        name, _, password = user.partition(":")
        made = subprocess.run(
            [
                *("python3", "-W", "ignore", "-c"),
                "from crypt import *; print(crypt(input(), mksalt(METHOD_BLOWFISH)))",
            ],
            input=password,
            check=True,
            capture_output=True,
            text=True,
        )
        (folder / "htpasswd").write_text(f"{name}:{made.stdout.strip()}\n")
        auth = f"auth:\n  htpasswd:\n    realm: test\n    path: {folder}/htpasswd\n"
    (folder / "config.yml").write_text(
        "version: 0.1\nlog:\n  accesslog:\n    disabled: false\n"
        f"storage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
        f"http:\n  addr: 127.0.0.1:{port}\n{auth}"
    )
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        )
    try:
        _wait_for_port(port)
        yield Registry(port, log, user)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
