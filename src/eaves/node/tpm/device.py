"""A TPM 2.0, as far as a node uses one: every command to it goes through `Tpm`.

    with Tpm("device:/dev/tpmrm0") as tpm:             # or "swtpm:host=127.0.0.1,port=2321"
        tpm.pcrs((0, 4, 7))                            # {index: 32 bytes}, SHA-256 bank
        blob = tpm.seal(key, tpm.pcrs(DEFAULT_SEAL_PCRS))   # or to values that are predicted
        tpm.unseal(blob)                               # PolicyMismatch, NotThisTpm
        tpm.nv_write(Nv.SEALED_PRIVATE, blob.private)  # nv_read gives None for what is not there
        tpm.shared_point(Handle.ECDH, peer)            # (x, y): ECDH_ZGen, the key stays inside
        tpm.sign(Handle.DEVICE, digest, auth=b"...")   # ECDSA, (r, s)
        tpm.quote(nonce)                               # TPMS_ATTEST, DER signature

Every method blocks, 10 to 500 ms: call it as `await asyncio.to_thread(tpm.unseal, blob)` where the
event loop must go on.  One lock makes `Tpm` safe for many threads; a node has one, because a
software TPM serves one connection.  The connection is made by the first command and again after it
broke.  Handles, NV indices and templates are those of EVE, see `layout`; the SRK is made when
something is sealed first.  What is secret on its way travels in sessions that are salted with the
SRK, so that reading the bus tells nothing.

tpm2-pytss is loaded by the first command, never by importing this module.
"""

import importlib
import os
import struct
import threading
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from eaves.evapi.quote import policy_digest
from eaves.node.tpm.errors import (
    NotThisTpm,
    PolicyMismatch,
    TpmRefused,
    TpmUnavailable,
    TpmUnusable,
)
from eaves.node.tpm.layout import QUOTED_PCRS, TEMPLATES, TPM_PCRS, Handle, sealed_template

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_FMT1: Final = 0x80
RC_HANDLE, RC_POLICY_FAIL, RC_INTEGRITY = _FMT1 + 0x0B, _FMT1 + 0x1D, _FMT1 + 0x1F
RC_AUTH_FAIL, RC_BAD_AUTH = _FMT1 + 0x0E, _FMT1 + 0x22
RC_PCR_CHANGED = 0x128
_WARNINGS: Final = range(0x900, 0x980)
_TPM_LAYERS: Final = frozenset({0x0, 0xB0000, 0xC0000})  # the TPM, and a resource manager for it
_NV_BUFFER_MAX: Final = 0x12C  # TPM_PT; the library has no name for it
_TRANSIENT: Final = (0x80000000, 0x02000000, 0x03000000)  # objects, HMAC and policy sessions


@dataclass(frozen=True, slots=True)
class SealedBlob:
    """Both halves as EVE keeps them in NV, without the size in front; no secret outside a TPM."""

    private: bytes = field(repr=False)
    public: bytes = field(repr=False)
    pcrs: tuple[int, ...]  # that its policy names; the caller keeps them beside the halves


@dataclass(frozen=True, slots=True)
class Quoted:
    attest_data: bytes  # TPMS_ATTEST
    signature: bytes  # ASN.1 DER
    pcr_values: Mapping[int, bytes]  # of all 24; read before and after: no extend came between


@dataclass(frozen=True, slots=True)
class Clock:
    """Of TPM2_ReadClock: resets count boots."""

    milliseconds: int
    resets: int
    restarts: int


@cache
def _tss() -> ModuleType:
    # Else libtss2 writes every refusal to stderr, also those that are an answer.
    os.environ.setdefault("TSS2_LOG", "all+NONE")
    try:
        return importlib.import_module("tpm2_pytss")
    except ImportError as error:
        raise TpmUnusable(
            f"this node is to use a TPM and tpm2-pytss cannot be loaded ({error}): install"
            " eaves[tpm] and libtss2, or start it with `--tpm none`"
        ) from error


class Tpm:
    def __init__(self, tcti: str) -> None:
        self.tcti = tcti
        self._lock = threading.RLock()
        self._esys: Any = None  # tpm2-pytss is published without types; it stays in this class
        self._known: dict[int, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            esys, self._esys, self._known = self._esys, None, {}
            if esys is not None:
                esys.close()

    # PCRs, clock, randomness

    def pcrs(self, selection: Iterable[int] = range(TPM_PCRS)) -> dict[int, bytes]:
        """Values of the SHA-256 bank.  Raises TpmUnusable where the bank is off."""
        wanted = set(selection)
        found: dict[int, bytes] = {}
        with self._commands("read PCRs") as esys:
            while left := sorted(wanted - found.keys()):
                _, chosen, digests = esys.pcr_read(_selection(left))
                indices = _indices(chosen)
                if not indices or len(indices) != len(digests):
                    raise TpmUnusable(
                        f"the TPM at {self.tcti} has no SHA-256 values of PCR"
                        f" {', '.join(map(str, left))}: switch its SHA-256 bank on in the firmware"
                    )
                found.update(zip(indices, (bytes(d) for d in digests), strict=True))
        return dict(sorted(found.items()))

    def clock(self) -> Clock:
        """The cheapest command that the TPM has to work for: also a sign of life."""
        with self._commands("read its clock") as esys:
            info = esys.read_clock().clockInfo
            return Clock(int(info.clock), int(info.resetCount), int(info.restartCount))

    def random(self, count: int) -> bytes:
        got = b""
        with self._commands("give random bytes") as esys:
            while len(got) < count:
                got += bytes(esys.get_random(min(32, count - len(got))))
        return got

    # Sealing

    def seal(self, data: bytes, pcr_values: Mapping[int, bytes]) -> SealedBlob:
        """Seal at most 128 bytes to a PolicyPCR of these values, current ones or predicted.

        Raises TpmUnusable while PCR 0 or 4 is all zero: nothing was measured.
        """
        for pcr in (0, 4):
            if pcr in pcr_values and not any(pcr_values[pcr]):
                raise TpmUnusable(
                    f"PCR {pcr} is all zero: the firmware measured nothing, so a policy would"
                    " protect nothing; enable measured boot"
                )
        pcrs = tuple(sorted(pcr_values))
        template = sealed_template(policy_digest(pcr_values, pcrs))
        tss = _tss()
        with self._commands("seal") as esys, self._session(decrypt=True) as session:
            sensitive = tss.TPM2B_SENSITIVE_CREATE(
                tss.TPMS_SENSITIVE_CREATE(data=tss.TPM2B_SENSITIVE_DATA(data))
            )
            private, public, *_ = esys.create(
                self._key(Handle.SRK), sensitive, _public(template), session1=session
            )
            return SealedBlob(bytes(private), bytes(public.publicArea.marshal()), pcrs)

    def unseal(self, blob: SealedBlob) -> bytes:
        """Raises PolicyMismatch when another boot chain runs, NotThisTpm for a foreign blob."""
        tss = _tss()
        with self._commands("unseal") as esys, self._session(policy=True, encrypt=True) as session:
            item = tss.ESYS_TR.NONE
            try:
                item = esys.load(
                    self._key(Handle.SRK), tss.TPM2B_PRIVATE(blob.private), _public(blob.public)
                )
                esys.policy_pcr(session, b"", _selection(blob.pcrs))
                return bytes(esys.unseal(item, session1=session))
            except tss.TSS2_Exception as error:
                code = _code(error)
                if code in {RC_POLICY_FAIL, RC_PCR_CHANGED}:
                    raise PolicyMismatch(blob.pcrs) from error
                if code == RC_INTEGRITY:
                    raise NotThisTpm from error
                raise
            finally:
                if item != tss.ESYS_TR.NONE:
                    esys.flush_context(item)

    # Keys

    def ensure_key(self, handle: Handle, auth: bytes = b"") -> bool:
        """Make the key of `handle` where none is; True: it is new.

        Raises TpmUnusable for a key there that is no such key.
        """
        with self._commands(f"make the key {handle.name}"):
            if self.has(handle):
                self._check(handle)
                return False
            self._make(handle, auth)
            return True

    def has(self, handle: int) -> bool:
        """Is something persistent, or an NV index, there?"""
        with self._commands("list its handles") as esys:
            _, found = esys.get_capability(_tss().TPM2_CAP.HANDLES, handle, 1)
            return handle in (int(h) for h in found.data.handles)

    def public_key(self, handle: Handle) -> PublicKey:
        with self._commands(f"read the public key {handle.name}") as esys:
            public, _, _ = esys.read_public(self._key(handle))
            key = load_pem_public_key(public.to_pem())
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise TpmUnusable(f"the TPM key at {handle:#x} is a {type(key).__name__}")
        return key

    def public_area(self, handle: Handle) -> bytes:
        """TPM2B_PUBLIC: its size and TPMT_PUBLIC."""
        with self._commands(f"read the public area of {handle.name}") as esys:
            public, _, _ = esys.read_public(self._key(handle))
            area = bytes(public.publicArea.marshal())
        return struct.pack(">H", len(area)) + area

    def sign(self, handle: Handle, digest: bytes, auth: bytes = b"") -> tuple[int, int]:
        """ECDSA over a SHA-256 digest: r and s."""
        tss = _tss()
        scheme = tss.TPMT_SIG_SCHEME(scheme=tss.TPM2_ALG.ECDSA)
        scheme.details.any.hashAlg = tss.TPM2_ALG.SHA256
        with self._commands(f"sign with {handle.name}") as esys, self._session() as session:
            key = self._key(handle)
            esys.tr_set_auth(key, auth)
            signed = esys.sign(key, digest, scheme, session1=session)
            return _r_s(signed)

    def shared_point(
        self, handle: Handle, peer: ec.EllipticCurvePublicKey, auth: bytes = b""
    ) -> tuple[bytes, bytes]:
        """Both coordinates, 32 bytes each, of the handle's P-256 key times the peer's point."""
        tss = _tss()
        numbers = peer.public_numbers()
        point = tss.TPM2B_ECC_POINT(
            tss.TPMS_ECC_POINT(
                x=tss.TPM2B_ECC_PARAMETER(numbers.x.to_bytes(32, "big")),
                y=tss.TPM2B_ECC_PARAMETER(numbers.y.to_bytes(32, "big")),
            )
        )
        with (
            self._commands(f"agree on a key with {handle.name}") as esys,
            self._session(encrypt=True) as session,
        ):
            key = self._key(handle)
            esys.tr_set_auth(key, auth)
            shared = esys.ecdh_zgen(key, point, session1=session).point
            return bytes(shared.x).rjust(32, b"\0"), bytes(shared.y).rjust(32, b"\0")

    def quote(self, nonce: bytes, pcrs: Iterable[int] = QUOTED_PCRS) -> Quoted:
        """Raises TpmUnavailable if PCRs are extended all the time while it quotes."""
        selection = tuple(sorted(pcrs))
        with self._commands("quote") as esys:
            for _ in range(5):
                before = self.pcrs()
                attest, signed = esys.quote(self._key(Handle.QUOTE), _selection(selection), nonce)
                if self.pcrs(selection) == {n: before[n] for n in selection}:
                    return Quoted(bytes(attest), encode_dss_signature(*_r_s(signed)), before)
        raise TpmUnavailable(self.tcti, "quote", "its PCRs change all the time")

    # NV

    def nv_read(self, index: int) -> bytes | None:
        """What the index holds; None where nothing is defined or written."""
        tss = _tss()
        with self._commands(f"read NV {index:#x}") as esys:
            if not self.has(index):
                return None
            nv = self._at(index)
            public, _ = esys.nv_read_public(nv)
            area = public.nvPublic
            if not int(area.attributes) & int(tss.TPMA_NV.WRITTEN):
                return None
            data, size, most = b"", int(area.dataSize), self._nv_buffer()
            while len(data) < size:
                step = min(most, size - len(data))
                data += bytes(esys.nv_read(nv, step, len(data), auth_handle=tss.ESYS_TR.OWNER))
            return data

    def nv_write(self, index: int, data: bytes) -> None:
        """Owner may read and write, as EVE has it.  Of another size: the index is made anew.

        Not atomic when the size changes or the data is longer than a buffer (1 KiB or less): keep
        what would be missed elsewhere until this returned.
        """
        tss = _tss()
        with self._commands(f"write NV {index:#x}") as esys:
            if self.has(index):
                nv = self._at(index)
                public, _ = esys.nv_read_public(nv)
                if int(public.nvPublic.dataSize) != len(data):
                    self._nv_forget(index)
            if not self.has(index):
                attributes = tss.TPMA_NV.OWNERWRITE | tss.TPMA_NV.OWNERREAD | tss.TPMA_NV.NO_DA
                esys.nv_define_space(
                    b"",
                    tss.TPM2B_NV_PUBLIC(
                        tss.TPMS_NV_PUBLIC(
                            nvIndex=index,
                            nameAlg=tss.TPM2_ALG.SHA256,
                            attributes=attributes,
                            dataSize=len(data),
                        )
                    ),
                )
            nv, most = self._at(index), self._nv_buffer()
            for start in range(0, len(data), most):
                esys.nv_write(nv, data[start : start + most], start, auth_handle=tss.ESYS_TR.OWNER)

    def nv_delete(self, index: int) -> None:
        """Nothing there is fine."""
        with self._commands(f"delete NV {index:#x}"):
            if self.has(index):
                self._nv_forget(index)

    def _nv_forget(self, index: int) -> None:
        self._esys.nv_undefine_space(self._at(index))
        self._known.pop(index, None)

    def _nv_buffer(self) -> int:
        """Bytes that one NV command takes."""
        tss = _tss()
        _, found = self._esys.get_capability(tss.TPM2_CAP.TPM_PROPERTIES, _NV_BUFFER_MAX, 1)
        return min(1024, int(found.data.tpmProperties[0].value))

    # The connection

    @contextmanager
    def _commands(self, what: str) -> Generator[Any]:
        """The ESAPI, locked; errors of the library come out as ours."""
        tss = _tss()
        with self._lock:
            try:
                yield self._connect()
            except tss.TSS2_Exception as error:
                layer, code = int(error.rc) & 0xFF0000, _code(error)
                if layer not in _TPM_LAYERS:
                    self.close()
                    raise TpmUnavailable(self.tcti, what, str(error)) from error
                if code in _WARNINGS:
                    raise TpmUnavailable(self.tcti, what, str(error)) from error
                raise TpmRefused(self.tcti, what, str(error), code) from error

    def _connect(self) -> Any:
        if self._esys is None:
            tss = _tss()
            self._esys = tss.ESAPI(self.tcti)
            self._flush_left_over()
        return self._esys

    def _flush_left_over(self) -> None:
        """What a process left that ended in mid-command; a TPM without a resource manager has room
        for three.  Behind a manager one sees only one's own, so nothing.
        """
        tss = _tss()
        for first in _TRANSIENT:
            _, found = self._esys.get_capability(tss.TPM2_CAP.HANDLES, first, 64)
            for handle in found.data.handles:
                self._esys.flush_context(self._esys.tr_from_tpmpublic(int(handle)))

    @contextmanager
    def _session(
        self, *, policy: bool = False, decrypt: bool = False, encrypt: bool = False
    ) -> Generator[Any]:
        """A session salted with the SRK; `decrypt`: the first parameter in is encrypted on its
        way, `encrypt`: the first one out.
        """
        tss = _tss()
        attributes = tss.TPMA_SESSION.CONTINUESESSION
        if decrypt:
            attributes |= tss.TPMA_SESSION.DECRYPT
        if encrypt:
            attributes |= tss.TPMA_SESSION.ENCRYPT
        session = self._esys.start_auth_session(
            tpm_key=self._key(Handle.SRK),
            bind=tss.ESYS_TR.NONE,
            session_type=tss.TPM2_SE.POLICY if policy else tss.TPM2_SE.HMAC,
            symmetric=tss.TPMT_SYM_DEF(
                algorithm=tss.TPM2_ALG.AES,
                keyBits=tss.TPMU_SYM_KEY_BITS(aes=128),
                mode=tss.TPMU_SYM_MODE(aes=tss.TPM2_ALG.CFB),
            ),
            auth_hash=tss.TPM2_ALG.SHA256,
        )
        try:
            self._esys.trsess_set_attributes(session, attributes)
            yield session
        finally:
            if self._esys is not None:
                self._esys.flush_context(session)

    def _key(self, handle: Handle) -> Any:
        """A key that is there; the SRK is made where it is not."""
        if handle not in self._known:
            if not self.has(handle):
                if handle is not Handle.SRK:
                    raise TpmUnusable(
                        f"the TPM at {self.tcti} holds no key at {handle:#x} ({handle.name}): it"
                        " was cleared or is another TPM"
                    )
                self._make(handle, b"")
            self._check(handle)
        return self._at(handle)

    def _at(self, handle: int) -> Any:
        if handle not in self._known:
            self._known[handle] = self._esys.tr_from_tpmpublic(int(handle))
        return self._known[handle]

    def _make(self, handle: Handle, auth: bytes) -> None:
        tss, esys = _tss(), self._esys
        sensitive = tss.TPM2B_SENSITIVE_CREATE(tss.TPMS_SENSITIVE_CREATE(userAuth=auth))
        made, *_ = esys.create_primary(
            sensitive, _public(TEMPLATES[handle].public), creation_pcr="sha256:7"
        )
        try:
            self._known[handle] = esys.evict_control(tss.ESYS_TR.OWNER, made, int(handle))
        finally:
            esys.flush_context(made)

    def _check(self, handle: Handle) -> None:
        public, _, _ = self._esys.read_public(self._at(handle))
        area, template = public.publicArea, TEMPLATES[handle]
        missing = template.must_have & ~int(area.objectAttributes)
        if int(area.type) != template.kind or missing:
            raise TpmUnusable(
                f"the TPM at {self.tcti} holds something else at {handle:#x}, where the key"
                f" {handle.name} belongs (type {int(area.type):#x}, attributes"
                f" {int(area.objectAttributes):#x}): find out whose it is; `tpm2_evictcontrol -c"
                f" {handle:#x}` removes it"
            )


def _code(error: Any) -> int:
    """TPM_RC without layer, handle, parameter and session."""
    return int(error.error) & 0xFFFF


def _public(area: bytes) -> Any:
    found, _ = _tss().TPM2B_PUBLIC.unmarshal(struct.pack(">H", len(area)) + area)
    return found


def _selection(pcrs: Iterable[int]) -> str:
    return "sha256:" + ",".join(map(str, pcrs))


def _indices(selection: Any) -> list[int]:
    """PCRs of the first bank in a TPML_PCR_SELECTION."""
    if not len(selection):
        return []
    bitmap = bytes(selection[0].pcrSelect)
    return [n for n in range(8 * len(bitmap)) if bitmap[n // 8] & 1 << n % 8]


def _r_s(signed: Any) -> tuple[int, int]:
    one = signed.signature.ecdsa
    return int.from_bytes(bytes(one.signatureR), "big"), int.from_bytes(
        bytes(one.signatureS), "big"
    )
