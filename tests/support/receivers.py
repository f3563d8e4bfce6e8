"""Who alerts are sent to: a mail server and a webhook, real ones, on 127.0.0.1."""

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.rest import Json

HOST = "127.0.0.1"


@dataclass
class MailBox:
    """What a mail server took; set its members before it is used."""

    tls: ssl.SSLContext | None = None  # STARTTLS is offered with it
    at_once: bool = False  # TLS from the first byte on
    users: dict[str, str] = field(default_factory=dict[str, str])  # empty: nobody has to log in
    refused: frozenset[str] = frozenset()  # recipients that are not there
    later: int = 0  # so many mails are put off first
    silent: threading.Event | None = None  # answers nothing until it is set
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list[EmailMessage])
    encrypted: list[bool] = field(default_factory=list[bool])
    recipients: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


class _Smtp(socketserver.StreamRequestHandler):
    box: MailBox

    def setup(self) -> None:
        self.secure = self.box.at_once
        if self.secure and self.box.tls is not None:
            self.request = self.box.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()  # TLS took the one over that the server closes

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        if self.box.silent is not None:
            self.box.silent.wait(30)
            return
        self.user, self.to = "", list[str]()
        self.say("220 test ready")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            word, _, rest = line.partition(" ")
            if word.upper() == "QUIT":
                self.say("221 bye")
                return
            self.obey(word.upper(), rest)

    def obey(self, word: str, rest: str) -> None:
        match word:
            case "EHLO":
                offers = ["test"]
                if self.box.tls is not None and not self.secure:
                    offers.append("STARTTLS")
                if self.box.users:
                    offers.append("AUTH PLAIN")
                for offer in offers[:-1]:
                    self.say(f"250-{offer}")
                self.say(f"250 {offers[-1]}")
            case "STARTTLS" if self.box.tls is not None:
                self.say("220 go")
                self.request = self.box.tls.wrap_socket(self.request, server_side=True)
                self.secure = True
                self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
            case "AUTH":
                proof = base64.b64decode(rest.rsplit(maxsplit=1)[-1]).decode()
                _, user, password = proof.split("\0")
                right = self.box.users.get(user) == password
                self.user = user if right else ""
                self.say("235 in" if right else "535 wrong")
            case "MAIL":
                allowed = not self.box.users or self.user
                self.to = []
                self.say("250 ok" if allowed else "530 log in first")
            case "RCPT":
                address = rest.partition("<")[2].partition(">")[0]
                if address in self.box.refused:
                    self.say("550 nobody of that name")
                else:
                    self.to.append(address)
                    self.say("250 ok")
            case "DATA":
                self.take()
            case _:
                self.say("250 ok")

    def take(self) -> None:
        self.say("354 go on")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        if self.box.later:
            self.box.later -= 1
            self.say("451 come again")
            return
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        self.box.mails.append(mail)
        self.box.encrypted.append(self.secure)
        self.box.recipients.append(tuple(self.to))
        self.say("250 taken")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left, or whose handshake failed: the tests look at the client."""


@contextmanager
def mail_server(box: MailBox) -> Generator[MailBox]:
    server = _Server((HOST, 0), type("Handler", (_Smtp,), {"box": box}))
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield box
    finally:
        if box.silent is not None:
            box.silent.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Posted:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Json:
        told: Json = json.loads(self.body)
        return told


@dataclass
class Hook:
    """A webhook: what came, and the statuses of the next answers (then 200)."""

    port: int = 0
    posts: list[Posted] = field(default_factory=list[Posted])
    statuses: list[int] = field(default_factory=list[int])
    location: str = ""  # of an answer that leads elsewhere

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/alerts?of=eaves"


class _Hook(BaseHTTPRequestHandler):
    hook: Hook
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hook.posts.append(Posted(self.path, headers, body))
        status = self.hook.statuses.pop(0) if self.hook.statuses else 200
        self.send_response(status)
        if self.hook.location:
            self.send_header("Location", self.hook.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it
        """Quiet: the tests look at `posts`."""


class _HookServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True

    def handle_error(self, request: object, client_address: object) -> None:
        """As of the mail server."""


@contextmanager
def webhook(tls: ssl.SSLContext) -> Generator[Hook]:
    hook = Hook()
    server = _HookServer((HOST, 0), type("Handler", (_Hook,), {"hook": hook}))
    hook.port = server.server_address[1]
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
