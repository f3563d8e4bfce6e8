"""A real OpenID provider: Glewlwyd from Debian, with TLS and a database of its own.

`Browser` does what a person does there: log in, agree, be sent back with a code.
"""

import asyncio
import contextlib
import gzip
import ssl
import subprocess
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import connect
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from support.controller import DEADLINE_S, free_port
from support.tied import start_tied

TABLES = Path("/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz")
MODULES = Path("/usr/lib/glewlwyd")
ADMIN = {"username": "admin", "password": "password"}  # those of a fresh database
CLIENT_ID, CLIENT_SECRET = "eaves", "between-eaves-and-its-provider"
PERSON_PASSWORD = "a person at the provider"
PLUGIN = "oidc"
DATA = ("preferred_username", "roles")  # of people, beside name and address

Json = dict[str, Any]


@dataclass(frozen=True)
class Provider:
    url: str
    authority: Path  # PEM
    http: httpx.AsyncClient  # as its administrator
    browsers: AsyncExitStack  # that go with it

    @property
    def issuer(self) -> str:
        return f"{self.url}/api/{PLUGIN}"

    async def add_client(self, redirect_uri: str) -> None:
        await self.post(
            "/api/client/",
            {
                "client_id": CLIENT_ID,
                "name": "Eaves",
                "enabled": True,
                "confidential": True,
                "password": CLIENT_SECRET,
                "client_secret": CLIENT_SECRET,
                "redirect_uri": [redirect_uri],
                "authorization_type": ["code"],
                "token_endpoint_auth_method": ["client_secret_basic"],
                "scope": [],
            },
        )

    async def add_person(self, username: str, roles: list[str], calls_itself: str = "") -> None:
        await self.post(
            "/api/user/",
            {
                "username": username,
                "name": username.title(),
                "email": f"{username}@example.org",
                "password": PERSON_PASSWORD,
                "enabled": True,
                "scope": ["openid", "profile", "email", "g_profile"],
                "preferred_username": calls_itself or username,
                "roles": roles,
            },
        )

    async def change_roles(self, username: str, roles: list[str]) -> None:
        there = (await self.http.get(f"/api/user/{username}")).json()
        answer = await self.http.put(f"/api/user/{username}", json={**there, "roles": roles})
        assert answer.status_code == 200, answer.text

    async def post(self, path: str, body: Json) -> None:
        answer = await self.http.post(path, json=body)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)


@dataclass(frozen=True)
class Browser:
    """Of one person, logged in at the provider."""

    http: httpx.AsyncClient

    @classmethod
    async def of(cls, provider: Provider, username: str) -> "Browser":
        verify = ssl.create_default_context(cafile=provider.authority)
        http = await provider.browsers.enter_async_context(httpx.AsyncClient(verify=verify))
        sent = {"username": username, "password": PERSON_PASSWORD}
        answer = await http.post(f"{provider.url}/api/auth/", json=sent)
        assert answer.status_code == 200, answer.text
        granted = await http.put(
            f"{provider.url}/api/auth/grant/{CLIENT_ID}/", json={"scope": "openid profile email"}
        )
        assert granted.status_code == 200, granted.text
        return cls(http)

    async def visit(self, url: str) -> str:
        """Where the provider sends the browser."""
        answer = await self.http.get(url + "&g_continue")
        assert answer.status_code == 302, (answer.status_code, answer.text)
        return answer.headers["location"]

    async def code_from(self, url: str) -> dict[str, str]:
        query = parse_qs(urlsplit(await self.visit(url)).query)
        return {name: values[0] for name, values in query.items()}


@asynccontextmanager
async def running_provider(folder: Path) -> AsyncGenerator[Provider]:
    port = free_port()
    url = f"https://localhost:{port}"
    authority = write_certificate(folder)
    configuration = folder / "glewlwyd.conf"
    configuration.write_text(_configuration(folder, port))
    _fill(folder / "glewlwyd.db")
    output = _output(folder)
    server = start_tied(
        ["glewlwyd", f"--config-file={configuration}"], stdout=output, stderr=output
    )
    verify = ssl.create_default_context(cafile=authority)
    try:
        async with (
            AsyncExitStack() as browsers,
            httpx.AsyncClient(base_url=url, verify=verify) as http,
        ):
            await _up(http, server, folder)
            answer = await http.post("/api/auth/", json=ADMIN)
            assert answer.status_code == 200, answer.text
            provider = Provider(url, authority, http, browsers)
            await _configure(provider)
            yield provider
    finally:
        server.terminate()
        server.wait()
        output.close()


def _fill(path: Path) -> None:
    with contextlib.closing(connect(path)) as database:
        database.executescript(gzip.decompress(TABLES.read_bytes()).decode())


def _output(folder: Path) -> IO[bytes]:
    return (folder / "glewlwyd.out").open("wb")


async def _up(http: httpx.AsyncClient, server: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + DEADLINE_S
    while True:
        if server.poll() is not None or time.monotonic() > end:
            raise AssertionError((folder / "glewlwyd.out").read_text(errors="replace"))
        try:
            if (await http.get("/config")).status_code == 200:
                return
        except httpx.TransportError:
            await asyncio.sleep(0.05)


def _configuration(folder: Path, port: int) -> str:
    modules = {
        "user_module_path": "user",
        "user_middleware_module_path": "user_middleware",
        "client_module_path": "client",
        "user_auth_scheme_module_path": "scheme",
        "plugin_module_path": "plugin",
    }
    lines = [
        f"port={port}",
        'bind_address="127.0.0.1"',
        f'external_url="https://localhost:{port}"',
        'login_url="login.html"',
        'api_prefix="api"',
        f'static_files_path="{folder}"',
        'log_mode="console"',
        'log_level="INFO"',
        "cookie_secure=1",
        "session_expiration=2419200",
        'session_key="GLEWLWYD2_SESSION_ID"',
        'admin_scope="g_admin"',
        'profile_scope="g_profile"',
        "login_api_enabled=true",
        *(f'{name}="{MODULES / part}"' for name, part in modules.items()),
        "use_secure_connection=true",
        f'secure_connection_key_file="{folder / "key.pem"}"',
        f'secure_connection_pem_file="{folder / "cert.pem"}"',
        'hash_algorithm="SHA512"',
        f'database={{ type="sqlite3" path="{folder / "glewlwyd.db"}" }};',
    ]
    return "\n".join(lines) + "\n"


def write_certificate(folder: Path) -> Path:
    """`cert.pem`, which is its own authority for localhost, and `key.pem`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "cert.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(_pem(key))
    return path


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


async def _configure(provider: Provider) -> None:
    """Scopes, what is known of people, and the plugin that speaks OpenID Connect."""
    for scope in ("profile", "email"):
        body: Json = {
            "name": scope,
            "display_name": scope,
            "password_required": False,
            "scheme": {},
        }
        await provider.post("/api/scope/", body)
    users = (await provider.http.get("/api/mod/user/database")).json()
    form = {"read": True, "write": True, "profile-read": True, "profile-write": False}
    for name in DATA:
        users["parameters"]["data-format"][name] = {**form, "multiple": name == "roles"}
    for path, sent in (("/api/mod/user/database", users), ("/api/mod/reload/", None)):
        answer = await provider.http.put(path, json=sent)
        assert answer.status_code == 200, (path, answer.text)
    signing = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = signing.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = [
        {"name": name, "user-property": name, "type": "string", "mandatory": True} for name in DATA
    ]
    await provider.post(
        "/api/mod/plugin/",
        {
            "module": "oidc",
            "name": PLUGIN,
            "display_name": "OpenID Connect",
            "parameters": {
                "iss": provider.issuer,
                "jwt-type": "rsa",
                "jwt-key-size": "256",
                "key": _pem(signing).decode(),
                "cert": public.decode(),
                "access-token-duration": 3600,
                "refresh-token-duration": 3600,
                "code-duration": 60,
                "refresh-token-rolling": True,
                "allow-non-oidc": False,
                "auth-type-code-enabled": True,
                "auth-type-token-enabled": False,
                "auth-type-id-token-enabled": True,
                "auth-type-none-enabled": False,
                "auth-type-password-enabled": False,
                "auth-type-client-enabled": False,
                "auth-type-refresh-enabled": False,
                "pkce-allowed": True,
                "pkce-method-plain-allowed": False,
                "name-claim": "mandatory",
                "email-claim": "mandatory",
                "claims": claims,
                "subject-type": "public",
            },
        },
    )
