"""A simulated device, true to the protocol: real keys, real envelopes, no machine behind it.

It drives the same flows as a node.  Nothing here waits or connects: `run` does.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from eaves.evapi.attest import AttestVolumeKey
from eaves.evapi.certs import ZCert, ZCertType
from eaves.evapi.cipher import RandomBytes
from eaves.evapi.device_certs import (
    Chance,
    device_certificate,
    edge_node_certificate,
    edge_node_certs,
)
from eaves.evapi.envelope import Sender, device_sender, onboarding_sender
from eaves.evapi.flows.attest import Attested, Attester, NotKnown, attest, prove, versions_only
from eaves.evapi.flows.onboard import Applicant, Onboarded, onboard
from eaves.evapi.flows.poll import (
    AttestFirst,
    DeviceUnknown,
    NewConfig,
    NothingNew,
    NotServed,
    Polled,
    PollNow,
    Unchanged,
    Unreachable,
    await_change,
    poll,
)
from eaves.evapi.flows.report import Fate, report
from eaves.evapi.flows.steps import Clock, Flow, Jitter
from eaves.evapi.flows.trust import Trust
from eaves.evapi.keys import KeyAgreement, KeySigner, SoftKeyAgreement
from eaves.evapi.paths import Endpoint
from eaves.evapi.pem import load_certificate, load_private_key
from eaves.fleet.measured import encode_asked, quoter_of
from eaves.ids import AppInstanceId, DeviceId

EVE_VERSION = "0.0.0-eaves-soft"


@dataclass(frozen=True, slots=True)
class Identity:
    """The keys and certificates of one device, and what it says of its hardware."""

    sender: Sender = field(repr=False)
    device_cert_pem: bytes = field(repr=False)
    agreement: KeyAgreement = field(repr=False)
    certs: tuple[ZCert, ...] = field(repr=False)
    serial: str
    soft_serial: str = ""
    quote_key: bytes = field(default=b"", repr=False)  # PKCS#8; empty: it says it has no TPM


def new_identity(
    serial: str, now: datetime, random: RandomBytes, soft_serial: str = ""
) -> Identity:
    """Fresh keys; `random` makes the serial numbers of the certificates."""
    device, ecdh, quote = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    chance = Chance(now, random)
    device_pem = device_certificate(device, chance)
    device_cert = load_certificate(device_pem)
    ecdh_pem, attest_pem = (
        edge_node_certificate(cert_type, key.public_key(), device, device_cert, chance)
        for cert_type, key in (
            (ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE, ecdh),
            (ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING, quote),
        )
    )
    return Identity(
        sender=device_sender(KeySigner(device), device_pem),
        device_cert_pem=device_pem,
        agreement=SoftKeyAgreement(ecdh),
        certs=edge_node_certs(ecdh_pem, attest_pem),
        serial=serial,
        soft_serial=soft_serial,
    )


@dataclass(frozen=True, slots=True)
class Onboarding:
    """What an onboarding folder holds."""

    root_certificate_pem: bytes = field(repr=False)
    cert_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a device knows after onboarding, and what has been delivered to it."""

    device_id: DeviceId
    trust: Trust = field(repr=False)
    integrity_token: bytes = field(default=b"", repr=False)
    config: bytes = field(default=b"", repr=False)  # a serialized EdgeDevConfig
    config_hash: str = ""


class SoftDevice:
    """One device: its identity, its standing, and a flow for each thing it does.

    Each flow updates `standing` when it ends.  All but `onboarded` need a standing.
    """

    def __init__(
        self, identity: Identity, onboarding: Onboarding, clock: Clock, jitter: Jitter
    ) -> None:
        self.identity = identity
        self.onboarding = onboarding
        self._clock, self._jitter = clock, jitter
        self._standing: Standing | None = None

    @property
    def standing(self) -> Standing:
        if self._standing is None:
            raise RuntimeError(f"device {self.identity.serial} is not onboarded; onboard it first")
        return self._standing

    def resume(self, standing: Standing) -> None:
        """Go on as a device that was onboarded before."""
        self._standing = standing

    def take_config(self) -> bytes:
        """The configuration that came last, which is not kept here any longer."""
        config = self.standing.config
        self._standing = replace(self.standing, config=b"")
        return config

    def forget(self) -> None:
        """A start of the device: the hash of its configuration and its token are gone."""
        self._standing = replace(self.standing, integrity_token=b"", config=b"", config_hash="")

    def onboarded(self) -> Flow[Onboarded]:
        signer = KeySigner(load_private_key(self.onboarding.key_pem, "onboard.key.pem"))
        applicant = Applicant(
            device=self.identity.sender,
            device_cert_pem=self.identity.device_cert_pem,
            onboarding=onboarding_sender(signer, self.onboarding.cert_pem),
            serial=self.identity.serial,
            soft_serial=self.identity.soft_serial,
        )
        roots = self.onboarding.root_certificate_pem
        done = yield from onboard(applicant, roots, self._clock, self._jitter)
        self._standing = Standing(done.device_id, done.trust)
        return done

    def attested(
        self, escrow: tuple[AttestVolumeKey, ...] = (), *, again: bool = False
    ) -> Flow[Attested | NotKnown]:
        """`again`: it was asked to, and has sent its certificates already."""
        standing, key = self.standing, self.identity.quote_key
        attester = Attester(
            self.identity.sender,
            standing.device_id,
            self.identity.certs,
            quoter_of(key, self._clock) if key else versions_only(EVE_VERSION),
            escrow,
            encode_asked,
        )
        flow = prove if again else attest
        done = yield from flow(attester, standing.trust, self._clock)
        token = done.integrity_token if isinstance(done, Attested) else b""
        self._standing = replace(self.standing, trust=done.trust, integrity_token=token)
        return done

    def polled(self) -> Flow[Polled]:
        standing = self.standing
        done = yield from poll(
            self.identity.sender,
            standing.device_id,
            standing.trust,
            self._clock,
            config_hash=standing.config_hash,
            integrity_token=standing.integrity_token,
        )
        if done.trust is not standing.trust:
            self._standing = replace(self.standing, trust=done.trust)
        match done.answer:
            case NewConfig(config=config, config_hash=config_hash):
                self._standing = replace(self.standing, config=config, config_hash=config_hash)
            case Unchanged() | AttestFirst() | DeviceUnknown() | Unreachable():
                pass
        return done

    def change(self) -> Flow[PollNow | AttestFirst | NothingNew | NotServed]:
        """Wait for a change of the configuration; an extension that only Eaves serves."""
        standing = self.standing
        return await_change(
            self.identity.sender,
            standing.device_id,
            standing.config_hash,
            standing.integrity_token,
        )

    def reported(
        self, endpoint: Endpoint, payload: bytes, app_id: AppInstanceId | None = None
    ) -> Flow[Fate]:
        """Send an info, metrics, log, flow log or health message."""
        return report(self.identity.sender, self.standing.device_id, endpoint, payload, app_id)
