"""TLS of simulated devices: a full handshake for every connection, with the server checked.

It uses the OpenSSL that comes inside `cryptography`, by the bindings that pyOpenSSL is made of.
The `ssl` module of Debian 12 stands on OpenSSL 3.0, where a handshake of a client costs 1.2 ms of
CPU, most of it for looking up algorithms: that alone would fill one core at the rate of ten
thousand devices.

The chain of a server is checked once.  From then on a connection must show the same certificate,
and the handshake proves that the server has its key; another certificate is checked anew.
"""

import ipaddress
import os
import ssl
from typing import Any, Final

from cryptography.hazmat.bindings.openssl.binding import Binding
from cryptography.x509 import load_pem_x509_certificates

_lib: Any = Binding.lib  # cffi knows no types; what comes out of it is converted in this module
_ffi: Any = Binding.ffi
_GROUPS: Final = b"X25519:P-256"
# in the order of Go's crypto/tls, which EVE-OS is written with
_SUITES: Final = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
_PART_BYTES: Final = 64 * 1024
_SHA256: Any = _lib.EVP_get_digestbyname(b"sha256")


class NotTrusted(OSError):
    """The server's certificate was refused; `code` is that of OpenSSL."""

    def __init__(self, code: int) -> None:
        text = _ffi.string(_lib.X509_verify_cert_error_string(code)).decode()
        super().__init__(f"certificate refused: {text}")
        self.code = code


class OtherCertificate(OSError):
    """The server has another certificate than the one that was checked: connect once more."""


class Trusted:
    """Roots that connections trust, and nothing else.  Share one: loading is slow.

    Raises ValueError when `roots_pem` holds no certificate.
    """

    def __init__(self, roots_pem: bytes) -> None:
        self.roots = load_pem_x509_certificates(roots_pem)
        self._checking, self._knowing = _context(roots_pem, len(self.roots)), _context(b"", 0)
        _lib.SSL_CTX_set_verify(self._checking, _lib.SSL_VERIFY_PEER, _ffi.NULL)
        self._checked: dict[str, bytes] = {}  # by host: SHA-256 of the certificate
        self._names: dict[str, tuple[bytes, bool]] = {}  # by host
        self._part = _ffi.new("char[]", _PART_BYTES)
        self._digest = _ffi.new("unsigned char[]", 64)
        self._size = _ffi.new("unsigned int *")

    def session(self, number: int, host: str) -> "Session":
        """A session on the connected socket with this file number."""
        known = self._checked.get(host)
        handle = _lib.SSL_new(self._checking if known is None else self._knowing)
        _lib.SSL_set_fd(handle, number)
        _lib.SSL_set_connect_state(handle)
        name, is_address = self._named(host)
        if not is_address:
            _lib.SSL_set_tlsext_host_name(handle, name)
        if known is None:
            parameters = _lib.SSL_get0_param(handle)
            if is_address:
                _lib.X509_VERIFY_PARAM_set1_ip(parameters, name, len(name))
            else:
                _lib.X509_VERIFY_PARAM_set1_host(parameters, name, len(name))
        return Session(handle, self._part)

    def _named(self, host: str) -> tuple[bytes, bool]:
        """How OpenSSL takes this host, and whether it is an address."""
        named = self._names.get(host)
        if named is None:
            try:
                named = ipaddress.ip_address(host).packed, True
            except ValueError:
                named = host.encode("idna"), False
            self._names[host] = named
        return named

    def admit(self, session: "Session", host: str) -> None:
        """To be asked after the handshake.  Raises OtherCertificate."""
        shown = session.certificate(self._digest, self._size)
        if self._checked.setdefault(host, shown) != shown:
            del self._checked[host]
            raise OtherCertificate(f"{host} shows another certificate than before")


def _context(roots_pem: bytes, roots: int) -> Any:
    lib = _lib
    context = _ffi.gc(lib.SSL_CTX_new(lib.TLS_client_method()), lib.SSL_CTX_free)
    lib.SSL_CTX_set_min_proto_version(context, lib.TLS1_2_VERSION)
    lib.SSL_CTX_set1_curves_list(context, _GROUPS)
    lib.SSL_CTX_set_ciphersuites(context, _SUITES)
    lib.SSL_CTX_set_session_cache_mode(context, lib.SSL_SESS_CACHE_OFF)
    lib.SSL_CTX_set_options(context, lib.SSL_OP_IGNORE_UNEXPECTED_EOF)
    lib.SSL_CTX_set_mode(
        context,
        lib.SSL_MODE_ENABLE_PARTIAL_WRITE
        | lib.SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        | lib.SSL_MODE_RELEASE_BUFFERS,
    )
    store = lib.SSL_CTX_get_cert_store(context)
    source = _ffi.gc(lib.BIO_new_mem_buf(roots_pem, len(roots_pem)), lib.BIO_free)
    for _ in range(roots):
        root = lib.PEM_read_bio_X509(source, _ffi.NULL, _ffi.NULL, _ffi.NULL)
        lib.X509_STORE_add_cert(store, root)
        lib.X509_free(root)
    lib.ERR_clear_error()
    return context


class Session:
    """Each call raises `ssl.SSLWantReadError` or `ssl.SSLWantWriteError` when it has to wait, and
    another OSError when the connection is of no use any more.
    """

    __slots__ = ("_handle", "_part")

    def __init__(self, handle: Any, part: Any) -> None:
        self._handle, self._part = handle, part

    def handshake(self) -> None:
        """Raises NotTrusted."""
        _lib.ERR_clear_error()
        done = _lib.SSL_do_handshake(self._handle)
        if done != 1:
            self._raise(done)

    def certificate(self, digest: Any, size: Any) -> bytes:
        """SHA-256 of what the server showed; `digest` and `size` are room for it."""
        shown = _lib.SSL_get_peer_certificate(self._handle)
        _lib.X509_digest(shown, _SHA256, digest, size)
        _lib.X509_free(shown)
        return bytes(_ffi.buffer(digest, size[0]))

    def send(self, data: memoryview) -> int:
        _lib.ERR_clear_error()
        sent = _lib.SSL_write(self._handle, _ffi.from_buffer(data), len(data))
        if sent <= 0:
            self._raise(sent)
        return int(sent)

    def recv(self) -> bytes:
        """Empty at the end of the stream."""
        _lib.ERR_clear_error()
        size = _lib.SSL_read(self._handle, self._part, _PART_BYTES)
        if size > 0:
            return bytes(_ffi.buffer(self._part, size))
        if _lib.SSL_get_error(self._handle, size) == _lib.SSL_ERROR_ZERO_RETURN:
            return b""
        self._raise(size)
        return b""

    def _raise(self, returned: int) -> None:
        number = int(_ffi.errno)
        match _lib.SSL_get_error(self._handle, returned):
            case _lib.SSL_ERROR_WANT_READ:
                raise ssl.SSLWantReadError
            case _lib.SSL_ERROR_WANT_WRITE:
                raise ssl.SSLWantWriteError
            case _lib.SSL_ERROR_ZERO_RETURN:
                raise ConnectionResetError("the server ended the connection")
            case _lib.SSL_ERROR_SYSCALL if number:
                raise OSError(number, os.strerror(number))
            case _:
                pass
        code = int(_lib.SSL_get_verify_result(self._handle))
        if code:
            raise NotTrusted(code)
        reason = _lib.ERR_reason_error_string(_lib.ERR_get_error())
        text = "the connection was lost" if reason == _ffi.NULL else _ffi.string(reason).decode()
        raise OSError(f"TLS: {text}")

    def free(self) -> None:
        _lib.SSL_free(self._handle)
