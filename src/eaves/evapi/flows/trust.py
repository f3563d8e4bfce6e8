"""Which controller a device believes, and asking it something.

An answer is believed when its envelope names the current signing certificate and its signature
fits.  When it names another one, the previous set is tried, then `certs` is fetched again and the
question repeated once: a controller may have rotated its key.  Sections 4 and 5.
"""

from dataclasses import dataclass, field, replace

from eaves.errors import EavesError
from eaves.evapi.certs import ControllerCerts, decode_z_controller_cert, verify_controller_certs
from eaves.evapi.envelope import Sealed, parse_envelope
from eaves.evapi.errors import CertificateTimeInvalid
from eaves.evapi.flows.steps import (
    Clock,
    Flow,
    NoConnection,
    Received,
    Send,
    explain,
    is_temporary,
    sent,
    unusable,
)
from eaves.evapi.paths import Endpoint, endpoint_path


@dataclass(frozen=True, slots=True)
class Trust:
    """A verified set of controller certificates, and the one before it."""

    roots_pem: bytes = field(repr=False)
    current: ControllerCerts
    listed: bytes = field(repr=False)  # the ZControllerCert as received: what a checkpoint keeps
    previous: ControllerCerts | None = None

    def renewed(self, certs: ControllerCerts, listed: bytes) -> "Trust":
        """The same set in another order is no change, and does not cost the previous one."""
        same = certs.cert_hashes == self.current.cert_hashes
        return replace(
            self, current=certs, listed=listed, previous=self.previous if same else self.current
        )


def trust_from(listed: bytes, roots_pem: bytes, now: Clock) -> Trust:
    """Verify a ZControllerCert, fresh or kept.  Raises as `verify_controller_certs`."""
    certs = verify_controller_certs(decode_z_controller_cert(listed), roots_pem, now())
    return Trust(roots_pem, certs, listed)


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable answer."""

    reason: str
    status: int | None = None  # None: no connection
    temporary: bool = False


def fetch_trust(
    roots_pem: bytes, now: Clock, headers: tuple[tuple[str, str], ...] = ()
) -> Flow[Trust | Failed]:
    """One GET of `certs`, unwrapped and verified by the chain, not by the envelope's signature."""
    endpoint = Endpoint.CERTS
    reply = yield from sent(Send(endpoint, "GET", endpoint_path(endpoint), headers=headers))
    if isinstance(reply, NoConnection):
        return Failed(explain(endpoint, reply), None, is_temporary(reply))
    if reply.status != 200:
        return Failed(explain(endpoint, reply), reply.status, is_temporary(reply))
    if (why := unusable(reply, onboarding=True)) is not None:
        return Failed(f"certs: {why}", reply.status)
    try:
        return trust_from(parse_envelope(reply.body).payload, roots_pem, now)
    except CertificateTimeInvalid as error:
        return Failed(f"certs: {error}", reply.status, temporary=True)
    except EavesError as error:
        return Failed(f"certs: {error}", reply.status)


@dataclass(frozen=True, slots=True)
class Opened:
    """A verified answer."""

    payload: bytes = field(repr=False)
    container: bytes = field(repr=False)
    status: int


@dataclass(frozen=True, slots=True)
class Empty:
    """A successful answer without a body, such as 304."""

    status: int


@dataclass(frozen=True, slots=True)
class Asked:
    """An outcome, and the trust to go on with: newer than the one given if `certs` was fetched."""

    outcome: Opened | Empty | Failed
    trust: Trust


def ask(send: Send, trust: Trust, now: Clock, *, onboarding: bool = False) -> Flow[Asked]:
    """Send a request whose answer comes in an envelope."""
    outcome = yield from _ask_once(send, trust, onboarding=onboarding)
    if not isinstance(outcome, _CertMiss):
        return Asked(outcome, trust)
    fetched = yield from fetch_trust(trust.roots_pem, now, send.headers)
    if isinstance(fetched, Failed):
        reason = f"{send.endpoint}: signed by an unknown certificate, and {fetched.reason}"
        return Asked(Failed(reason, outcome.status, fetched.temporary), trust)
    trust = trust.renewed(fetched.current, fetched.listed)
    outcome = yield from _ask_once(send, trust, onboarding=onboarding)
    if isinstance(outcome, _CertMiss):
        outcome = Failed(
            f"{send.endpoint}: signed by a certificate that the controller does not publish",
            outcome.status,
        )
    return Asked(outcome, trust)


@dataclass(frozen=True, slots=True)
class _CertMiss:
    status: int


def _ask_once(
    send: Send, trust: Trust, *, onboarding: bool
) -> Flow[Opened | Empty | Failed | _CertMiss]:
    reply = yield from sent(send)
    if isinstance(reply, NoConnection):
        return Failed(explain(send.endpoint, reply), None, is_temporary(reply))
    if reply.status not in (200, 201, 204, 304):
        return Failed(explain(send.endpoint, reply), reply.status, is_temporary(reply))
    if not reply.body:
        return Empty(reply.status)
    if (why := unusable(reply, onboarding=onboarding)) is not None:
        return Failed(f"{send.endpoint}: {why}", reply.status)
    return _opened(send, reply, trust)


def _opened(send: Send, reply: Received, trust: Trust) -> Opened | Failed | _CertMiss:
    try:
        sealed = parse_envelope(reply.body)
        signer = _signer(sealed, trust)
        if signer is None:
            return _CertMiss(reply.status)
        return Opened(sealed.verify(signer.signing_key), reply.body, reply.status)
    except EavesError as error:
        return Failed(f"{send.endpoint}: {error}", reply.status)


def _signer(sealed: Sealed, trust: Trust) -> ControllerCerts | None:
    for certs in (trust.current, trust.previous):
        if certs is not None and sealed.sent_by(certs.signing_hash):
            return certs
    return None
