"""What can be wrong with a message: each error names the object, what was seen, and what to do.

Everything here is `Rejected`: the same bytes will not become right by sending them again.  The
one exception is a certificate outside its validity, which a corrected clock may cure.
"""

from eaves.errors import Rejected, Transient


class MalformedMessage(Rejected):
    """Bytes that are not the message they are said to be."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}; the sender must encode it by the EVE API v2")
        self.what, self.why = what, why


class TooLarge(Rejected):
    """A body, or what it inflates to, exceeds the bound that keeps this process alive."""

    def __init__(self, what: str, limit_bytes: int) -> None:
        super().__init__(f"{what}: more than {limit_bytes} bytes; the sender must split it")
        self.what, self.limit_bytes = what, limit_bytes


class EnvelopeError(Rejected):
    """An AuthContainer that cannot be trusted."""


class UnknownHashAlgorithm(EnvelopeError):
    def __init__(self, algo: int) -> None:
        super().__init__(
            f"envelope: hash algorithm {algo}, only 1 (16 bytes) and 2 (32 bytes) of SHA-256 are "
            "defined; the sender must use one of them"
        )
        self.algo = algo


class WrongHashLength(EnvelopeError):
    def __init__(self, got: int, wanted: int) -> None:
        super().__init__(
            f"envelope: senderCertHash has {got} bytes, its algorithm makes {wanted}; "
            "the sender must send the hash in the length of its algorithm"
        )
        self.got, self.wanted = got, wanted


class UnknownSender(EnvelopeError):
    def __init__(self, sender_hash: bytes, where_to_look: str) -> None:
        super().__init__(
            f"envelope: no certificate with hash {sender_hash.hex()} is known; {where_to_look}"
        )
        self.sender_hash = sender_hash


class BadSignature(EnvelopeError):
    def __init__(self, sender_hash: bytes) -> None:
        super().__init__(
            f"envelope from {sender_hash.hex()}: the signature does not fit payload and key; "
            "look for a proxy that rewrites bodies, or a device whose key was replaced"
        )
        self.sender_hash = sender_hash


class MissingPayload(EnvelopeError):
    def __init__(self, why: str) -> None:
        super().__init__(f"envelope: {why}; the sender must wrap its message in protectedPayload")


class WrongSenderCertificate(EnvelopeError):
    """senderCert is unreadable, or is not the certificate that senderCertHash names."""

    def __init__(self, why: str) -> None:
        super().__init__(f"envelope: senderCert {why}; check onboard.cert.pem on the device")


class UnusableKey(Rejected):
    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}; use an EC key on P-256 or P-384, or RSA for signing")
        self.what = what


class CipherError(Rejected):
    """A cipher block that cannot be opened; the text never holds any of its plaintext."""


class UnknownCipherContext(CipherError):
    def __init__(self, context_id: str) -> None:
        super().__init__(
            f"cipher block: context {context_id!r} not found; "
            "the controller must list it in cipherContexts"
        )
        self.context_id = context_id


class UnusableCipherContext(CipherError):
    def __init__(self, context_id: str, why: str) -> None:
        super().__init__(
            f"cipher context {context_id!r}: {why}; the controller must make a new context"
        )
        self.context_id = context_id


class BadCipherBlock(CipherError):
    def __init__(self, context_id: str, why: str) -> None:
        super().__init__(
            f"cipher block of context {context_id!r}: {why}; the controller must encrypt it again"
        )
        self.context_id = context_id


class CertificateError(Rejected):
    """A certificate, or a list of them, that the rules of the API refuse."""


class UnreadableCertificate(CertificateError):
    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}; it must be the PEM text of exactly one X.509 certificate")
        self.what = what


class CertificateListRefused(CertificateError):
    """The controller's list breaks a rule of section 5: numbers, types, keys."""

    def __init__(self, why: str) -> None:
        super().__init__(f"controller certificates: {why}; correct what the controller publishes")


class CertificateNotTrusted(CertificateError):
    def __init__(self, subject: str, why: str) -> None:
        super().__init__(
            f"certificate {subject!r}: {why}; "
            "compare root-certificate.pem with the root of the controller"
        )
        self.subject = subject


class CertificateTimeInvalid(Transient):
    """Outside its validity by the clock that was asked: often the clock is what is wrong."""

    def __init__(self, subject: str, not_before: str, not_after: str, now: str) -> None:
        super().__init__(
            f"certificate {subject!r}: valid from {not_before} to {not_after}, the clock says "
            f"{now}; correct the clock, or renew the certificate"
        )
        self.subject = subject


class QuoteError(Rejected):
    """Attested data that is not the TPM quote it should be."""

    def __init__(self, why: str) -> None:
        super().__init__(f"quote: {why}; the device must attest again")


class EventLogError(Rejected):
    """A log of measured boot that cannot be read."""

    def __init__(self, why: str) -> None:
        super().__init__(f"event log: {why}; the device must send the log of its firmware")
