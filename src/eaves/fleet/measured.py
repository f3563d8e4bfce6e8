"""The TPM of a simulated device: it boots, extends PCRs, logs what it extends, and quotes."""

import functools
import gzip
import hashlib
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_private_key

from eaves.evapi.attest import (
    AttestVersionInfo,
    AttestVersionType,
    TpmHashAlgo,
    TpmPCRValue,
    ZAttestQuote,
    ZAttestReq,
    encode_quote_request,
    encode_z_attest_req,
)
from eaves.evapi.direct import SharedParts
from eaves.evapi.event_log_form import (
    EFI_APPLICATION,
    EFI_BOOT,
    IPL,
    POST_CODE,
    SEPARATOR,
    SHA256,
    Step,
    event,
    header,
    program,
    variable,
)
from eaves.evapi.keys import Signer
from eaves.fleet.signing import signer_of

SIGNERS_KEPT = 20_000
_SHARED = SharedParts()


@functools.lru_cache(maxsize=8)
def _packed(log: bytes) -> bytes:
    """A fleet boots the same: what all of them logged is packed once."""
    return gzip.compress(log)


def steps(command_line: str = "quiet console=ttyS0", kernel: bytes = b"kernel 1") -> list[Step]:
    """An ordinary boot: firmware, boot order, loader, command line, kernel."""
    firmware = [Step(n, POST_CODE, f"firmware volume {n}".encode()) for n in (0, 2, 3, 6, 7)]
    line = command_line.encode()
    return [
        *firmware,
        Step(1, EFI_BOOT, variable("BootOrder", b"\0\0\1\0")),
        *(Step(n, SEPARATOR, bytes(4)) for n in range(8)),
        Step(4, EFI_APPLICATION, program("\\EFI\\BOOT\\BOOTX64.EFI"), b"l" * 32),
        Step(5, EFI_BOOT, b"gpt"),
        Step(8, IPL, b"kernel_cmdline: " + line + b"\0", hashlib.sha256(line).digest()),
        Step(9, IPL, b"/boot/kernel\0", hashlib.sha256(kernel).digest()),
        Step(13, IPL, b"rootfs\0", b"r" * 32),
    ]


@dataclass
class SoftTpm:
    """`key`: its attestation key; a boot counts a reset."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    eve_version: str = "14.5.0-kvm-amd64"
    firmware_version: str = "Acme-1.2-01/01/2026"
    tpm_firmware: int = 0x0007005500120C00
    resets: int = 0
    clock_ms: int = 1000

    def boot(self, made: Iterable[Step] = ()) -> None:
        self.resets += 1
        self.pcrs = {n: b"\xff" * 32 if 17 <= n <= 22 else bytes(32) for n in range(24)}
        self.log = header()
        for step in made or steps():
            self.extend(step)

    def extend(self, step: Step, *, logged: bool = True) -> None:
        before = self.pcrs[step.pcr]
        self.pcrs[step.pcr] = hashlib.sha256(before + step.measured).digest()
        if logged:
            self.log += event(step.pcr, step.kind, step.data, step.measured)

    def attested(self, nonce: bytes, pcrs: Iterable[int] = range(16)) -> bytes:
        """TPMS_ATTEST of a quote."""
        chosen = sorted(pcrs)
        bitmap = bytes(sum(1 << n % 8 for n in chosen if n // 8 == b) for b in range(3))
        digest = hashlib.sha256(b"".join(self.pcrs[n] for n in chosen)).digest()
        name = b"\x00\x0b" + hashlib.sha256(b"name").digest()
        self.clock_ms += 10
        return b"".join(
            (
                bytes.fromhex("ff5443478018"),
                struct.pack(">H", len(name)) + name,
                struct.pack(">H", len(nonce)) + nonce,
                struct.pack(">QIIB", self.clock_ms, self.resets, 0, 1),
                struct.pack(">Q", self.tpm_firmware),
                struct.pack(">IHB", 1, SHA256, 3) + bitmap,
                struct.pack(">H", 32) + digest,
            )
        )

    def quote(self, nonce: bytes, pcrs: Iterable[int] = range(16)) -> ZAttestQuote:
        data = self.attested(nonce, pcrs)
        versions = (
            (AttestVersionType.ATTEST_VERSION_TYPE_EVE, self.eve_version),
            (AttestVersionType.ATTEST_VERSION_TYPE_FIRMWARE, self.firmware_version),
        )
        return ZAttestQuote(
            attest_data=data,
            signature=self.key.sign(data, ec.ECDSA(hashes.SHA256())),
            pcr_values=tuple(
                TpmPCRValue(index=n, hash_algo=TpmHashAlgo.TPM_HASH_ALGO_SHA256, value=self.pcrs[n])
                for n in range(24)
            ),
            versions=tuple(AttestVersionInfo(version_type=t, version=v) for t, v in versions),
            tpm_binary_event_log=_packed(self.log),
        )


def quoter_of(der: bytes, now: Callable[[], datetime]) -> Callable[[bytes], ZAttestQuote]:
    """Quotes of a simulated device whose attestation key this is, PKCS#8; all boot the same.

    Its TPM runs since a reset that was long ago, so its clock is that of the world.
    """

    def quote(nonce: bytes) -> ZAttestQuote:
        booted, said = _ordinary()
        tpm = replace(booted, clock_ms=int(now().timestamp() * 1000))
        tpm.pcrs = booted.pcrs
        data = tpm.attested(nonce)
        raw = _signer(der).sign_digest(hashlib.sha256(data).digest())
        r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
        return replace(said, attest_data=data, signature=encode_dss_signature(r, s))

    return quote


@functools.lru_cache(maxsize=SIGNERS_KEPT)
def _signer(der: bytes) -> Signer:
    """Kept: a device attests again, and to read its key costs as much as a signature."""
    key = load_der_private_key(der, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("an attestation key of a fleet is not on an elliptic curve")
    return signer_of(key)


@functools.cache
def _ordinary() -> tuple[SoftTpm, ZAttestQuote]:
    """One of them after its boot, and what all say beside what they sign."""
    tpm = SoftTpm()
    tpm.boot()
    said = tpm.quote(b"")
    for part in (said.pcr_values, said.versions):
        _SHARED.keep(part)
    return tpm, said


def encode_asked(request: ZAttestReq) -> bytes:
    """As `encode_z_attest_req`; what all quotes say is encoded once."""
    if request.quote is None:
        return encode_z_attest_req(request)
    return encode_quote_request(request.quote, _SHARED)
