"""The client's end of TLS 1.3 (RFC 8446), for load: each request has a handshake of its own.

What a server can see is complete: a full handshake with X25519 and AES-128-GCM, both Finished
messages checked by their receivers, tickets taken and thrown away.  What it cannot see is left
out, because the generator has one core as well: certificates are not looked at, and one key share
serves all connections.  A session is never offered, so none can be resumed.
"""

import hashlib
import hmac
import os
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TLS_1_3: Final = 0x0304
_ALERT, _HANDSHAKE, _DATA = 21, 22, 23  # types of records
_CLIENT_HELLO, _SERVER_HELLO, _FINISHED = 1, 2, 20  # types of handshake messages
_SERVER_NAME, _GROUPS, _SIGNATURES, _VERSIONS = 0, 10, 13, 43  # extensions
_PRE_SHARED_KEY, _PSK_MODES, _KEY_SHARE = 41, 45, 51
_X25519: Final = 0x001D
_AES_128_GCM_SHA256: Final = 0x1301
_ECDSA_P256, _RSA_PSS_SHA256 = 0x0403, 0x0804
_HEAD: Final = 5  # bytes of the head of a record
_HASH: Final = 32


class BrokenHandshake(Exception):
    """The server said something that this client does not take."""


def _sized(content: bytes, size: int) -> bytes:
    return len(content).to_bytes(size, "big") + content


def _extension(number: int, content: bytes) -> bytes:
    return number.to_bytes(2, "big") + _sized(content, 2)


def _numbers(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def _info(label: str, size: int, context_bytes: int = 0) -> bytes:
    """HkdfLabel up to its context."""
    name = _sized(b"tls13 " + label.encode(), 1)
    return size.to_bytes(2, "big") + name + bytes((context_bytes,))


def _expand(secret: bytes, info: bytes, context: bytes = b"") -> bytes:
    """HKDF-Expand-Label of at most one block."""
    return hmac.digest(secret, info + context + b"\x01", "sha256")


_KEY, _IV, _FINISHED_KEY = _info("key", 16), _info("iv", 12), _info("finished", _HASH)
_DERIVED: Final = _info("derived", _HASH, _HASH) + hashlib.sha256().digest()
_CLIENT_HS, _SERVER_HS = (_info(f"{end} hs traffic", _HASH, _HASH) for end in "cs")
_CLIENT_AP, _SERVER_AP = (_info(f"{end} ap traffic", _HASH, _HASH) for end in "cs")
_NOTHING: Final = bytes(_HASH)
_EARLY: Final = _expand(hmac.digest(_NOTHING, _NOTHING, "sha256"), _DERIVED)


class _Direction:
    """Records of one direction under one traffic secret."""

    __slots__ = ("_aead", "_iv", "_number")

    def __init__(self, secret: bytes) -> None:
        self._aead = AESGCM(_expand(secret, _KEY)[:16])
        self._iv = int.from_bytes(_expand(secret, _IV)[:12], "big")
        self._number = 0

    def _nonce(self) -> bytes:
        number, self._number = self._number, self._number + 1
        return (self._iv ^ number).to_bytes(12, "big")

    def opened(self, head: bytes, content: bytes) -> tuple[int, bytes]:
        """Type and content of a sealed record.  Raises InvalidTag."""
        inner = self._aead.decrypt(self._nonce(), content, head).rstrip(b"\0")
        return inner[-1], inner[:-1]

    def sealed(self, kind: int, content: bytes) -> bytes:
        head = b"\x17\x03\x03" + (len(content) + 17).to_bytes(2, "big")
        return head + self._aead.encrypt(self._nonce(), content + bytes((kind,)), head)


class KeyShare:
    """The client's half of the key exchange, and what each ClientHello says of it."""

    def __init__(self, server_name: str) -> None:
        self._key = X25519PrivateKey.generate()
        share = self._key.public_key().public_bytes_raw()
        name = b"\x00" + _sized(server_name.encode(), 2)
        extensions = (
            _extension(_SERVER_NAME, _sized(name, 2))
            + _extension(_GROUPS, _sized(_numbers(_X25519), 2))
            + _extension(_SIGNATURES, _sized(_numbers(_ECDSA_P256, _RSA_PSS_SHA256), 2))
            + _extension(_VERSIONS, _sized(_numbers(TLS_1_3), 1))
            + _extension(_PSK_MODES, b"\x01\x01")  # so that the server makes its tickets
            + _extension(_KEY_SHARE, _sized(_numbers(_X25519) + _sized(share, 2), 2))
        )
        suites = _sized(_numbers(_AES_128_GCM_SHA256), 2)
        self._ending = suites + b"\x01\x00" + _sized(extensions, 2)
        size = 2 + 32 + 1 + 32 + len(self._ending)
        self._begin = bytes((_CLIENT_HELLO,)) + size.to_bytes(3, "big") + b"\x03\x03"

    def hello(self) -> bytes:
        """A new ClientHello, without the head of its record."""
        chance = os.urandom(64)
        # a session id is for the boxes between that know TLS 1.2 only; EVE devices send one too
        return self._begin + chance[:32] + b"\x20" + chance[32:] + self._ending

    def secret(self, server_share: bytes) -> bytes:
        return self._key.exchange(X25519PublicKey.from_public_bytes(server_share))


class Exchange:
    """One request on a connection of its own: bytes in, bytes out; the socket is elsewhere."""

    __slots__ = (
        *("_client", "_flight", "_keys", "_rest", "_request", "_secret", "_server"),
        *("_server_secret", "_share", "_transcript", "answer", "established", "resumed"),
        *("first", "version"),
    )

    def __init__(self, share: KeyShare, request: bytes) -> None:
        hello = share.hello()
        self._share, self._request = share, request
        self._transcript = hashlib.sha256(hello)
        self._rest = self._flight = self._secret = self._client = self._server_secret = b""
        self._server: _Direction | None = None
        self.first = b"\x16\x03\x01" + _sized(hello, 2)  # what to send first
        self.answer = b""  # of HTTP, as far as it is here
        self.established = self.resumed = False
        self.version = 0

    def take(self, data: bytes) -> bytes:
        """What came; tells what to send now.  Raises BrokenHandshake or InvalidTag."""
        data, at, reply = self._rest + data, 0, b""
        while len(data) - at >= _HEAD:
            begin = at + _HEAD
            end = begin + int.from_bytes(data[at + 3 : begin], "big")
            if end > len(data):
                break
            reply += self._record(data[at:begin], data[begin:end])
            at = end
        self._rest = data[at:]
        return reply

    def _record(self, head: bytes, content: bytes) -> bytes:
        kind = head[0]
        if kind == _DATA and self._server is not None:
            kind, content = self._server.opened(head, content)
            if kind == _DATA:
                self.answer += content
            elif kind == _HANDSHAKE and not self.established:
                self._flight += content
                return self._finished()
            elif kind == _ALERT and not self.answer:
                raise BrokenHandshake(f"alert {content.hex()}")
        elif kind == _HANDSHAKE:
            self._server_hello(content)
        elif kind == _ALERT:
            raise BrokenHandshake(f"alert {content.hex()}")
        return b""

    def _server_hello(self, message: bytes) -> None:
        extensions = _extensions(message)
        self.version = int.from_bytes(extensions.get(_VERSIONS, b"\x03\x03"), "big")
        self.resumed = _PRE_SHARED_KEY in extensions
        share = extensions.get(_KEY_SHARE, b"")
        if self.version != TLS_1_3 or len(share) != 4 + _HASH:
            raise BrokenHandshake(f"version {self.version:#x}, key share of {len(share)} bytes")
        self._transcript.update(message)
        heard = self._transcript.digest()
        self._secret = hmac.digest(_EARLY, self._share.secret(share[4:]), "sha256")
        self._client = _expand(self._secret, _CLIENT_HS, heard)
        self._server_secret = _expand(self._secret, _SERVER_HS, heard)
        self._server = _Direction(self._server_secret)

    def _finished(self) -> bytes:
        """Finished and the request, once the server's Finished is here; nothing before."""
        flight, at = self._flight, 0
        while len(flight) - at >= 4:
            end = at + 4 + int.from_bytes(flight[at + 1 : at + 4], "big")
            if end > len(flight):
                return b""
            if flight[at] == _FINISHED:
                return self._established(flight[:at], flight[at:end])
            at = end
        return b""

    def _established(self, before: bytes, finished: bytes) -> bytes:
        self._transcript.update(before)
        key = _expand(self._server_secret, _FINISHED_KEY)
        wanted = hmac.digest(key, self._transcript.digest(), "sha256")
        if not hmac.compare_digest(finished[4:], wanted):
            raise BrokenHandshake("the server's Finished does not fit what was said")
        self._transcript.update(finished)
        heard = self._transcript.digest()
        mine = hmac.digest(_expand(self._client, _FINISHED_KEY), heard, "sha256")
        reply = _Direction(self._client).sealed(_HANDSHAKE, bytes((_FINISHED,)) + _sized(mine, 3))
        master = hmac.digest(_expand(self._secret, _DERIVED), _NOTHING, "sha256")
        self._server = _Direction(_expand(master, _SERVER_AP, heard))
        self.established = True
        to_server = _Direction(_expand(master, _CLIENT_AP, heard))
        return reply + to_server.sealed(_DATA, self._request)


def _extensions(message: bytes) -> dict[int, bytes]:
    """The extensions of a ServerHello by number; raises BrokenHandshake for anything else."""
    if message[:1] != bytes((_SERVER_HELLO,)) or len(message) < 40:
        raise BrokenHandshake(f"no ServerHello but {message[:4].hex()}")
    at = 4 + 2 + 32  # head, version, random
    at += 1 + message[at]  # session id
    at += 2 + 1 + 2  # cipher suite, compression, length of all
    found: dict[int, bytes] = {}
    while at + 4 <= len(message):
        number, size = (int.from_bytes(message[i : i + 2], "big") for i in (at, at + 2))
        found[number] = message[at + 4 : at + 4 + size]
        at += 4 + size
    return found
