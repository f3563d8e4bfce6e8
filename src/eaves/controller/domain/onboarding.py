"""May this device register, and as which device?  EVE API v2, sections 3.4 and 6.1.

A record reserves (onboarding key, serial).  The first device certificate that comes with both is
bound to the record for ever: the same certificate may come again at every boot, another one is a
clone or a replaced machine and is refused.  The soft serial is tried first, because it was written
for one installation: many boards of a maker may tell the same serial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eaves.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Registration:
    """What a device says of itself; the envelope proves its onboarding key."""

    serial: str
    soft_serial: str
    certificate_hash: bytes  # SHA-256 of its device certificate's DER


@dataclass(frozen=True, slots=True)
class Claim:
    """A device record that waits for this key and `serial`."""

    serial: str
    device_id: DeviceId
    enterprise_id: str
    bound_certificate: bytes = b""  # empty: none yet
    attestation_required: bool = False  # by the policy of its project


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known about a registration.  `onboarding_key` None: unknown certificate."""

    onboarding_key: str | None
    claims: tuple[Claim, ...] = ()
    certificate_bound_to: DeviceId | None = None


@dataclass(frozen=True, slots=True)
class RegisterNew:
    """Bind the certificate to this record; answer 201."""

    device_id: DeviceId
    enterprise_id: str
    onboarding_key: str
    serial: str
    attestation_required: bool = False


@dataclass(frozen=True, slots=True)
class AlreadyRegistered:
    """The certificate is bound to a record already; answer 200.

    `clashes_with`: another record waits for the serial that it came with, which is a security
    event: the certificate was copied, or the record was made for a machine that is another's.
    """

    device_id: DeviceId
    clashes_with: DeviceId | None = None


@dataclass(frozen=True, slots=True)
class UnknownOnboarding:
    """Nobody issued this onboarding certificate; answer 403."""

    reason: str


@dataclass(frozen=True, slots=True)
class UnknownSerial:
    """No record waits for this serial; answer 403 and remember who knocked."""

    onboarding_key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another certificate holds the record; answer 409 and raise an event."""

    device_id: DeviceId
    reason: str


RegisterAnswer = RegisterNew | AlreadyRegistered | UnknownOnboarding | UnknownSerial | Conflict


def decide_register(asked: Registration, known: Knowledge) -> RegisterAnswer:
    if known.onboarding_key is None:
        return UnknownOnboarding(
            "the onboarding certificate is not one of this controller; write the configuration "
            "folder of the device again"
        )
    claim = _claim_for(asked, known.claims)
    bound = known.certificate_bound_to
    if bound is not None:
        other = claim is not None and claim.device_id != bound and not claim.bound_certificate
        return AlreadyRegistered(bound, claim.device_id if claim is not None and other else None)
    if claim is None:
        return UnknownSerial(
            known.onboarding_key,
            f"no device record has serial {asked.serial!r} or {asked.soft_serial!r} with this "
            "onboarding key; create one, the device tries again by itself",
        )
    if not claim.bound_certificate:
        return RegisterNew(
            claim.device_id,
            claim.enterprise_id,
            known.onboarding_key,
            claim.serial,
            claim.attestation_required,
        )
    if claim.bound_certificate == asked.certificate_hash:
        return AlreadyRegistered(claim.device_id)
    return Conflict(
        claim.device_id,
        f"serial {claim.serial!r} is registered with another device certificate; a replaced or "
        "cloned machine comes in after the record is off-boarded",
    )


def decide_in_turn(
    asked: Sequence[tuple[bytes, Registration]],
    keys: Mapping[bytes, str],
    claims: Mapping[tuple[str, str], Claim],
    bound: Mapping[bytes, DeviceId],
) -> list[RegisterAnswer]:
    """As `decide_register` for each, which knows what was decided of those before it.

    `asked`: hash of the onboarding certificate, registration; `keys`: by that hash; `claims`: by
    onboarding key and serial; `bound`: by the hash of the device certificate.
    """
    claims, bound = dict(claims), dict(bound)
    answers: list[RegisterAnswer] = []
    for onboarding, registration in asked:
        key, certificate = keys.get(onboarding), registration.certificate_hash
        serials = (registration.serial, registration.soft_serial)
        of_key = [claims.get((key or "", serial)) for serial in serials]
        known = Knowledge(key, tuple(c for c in of_key if c is not None), bound.get(certificate))
        answer = decide_register(registration, known)
        if isinstance(answer, RegisterNew):
            pair = (answer.onboarding_key, answer.serial)
            claims[pair] = replace(claims[pair], bound_certificate=certificate)
            bound[certificate] = answer.device_id
        answers.append(answer)
    return answers


def _claim_for(asked: Registration, claims: tuple[Claim, ...]) -> Claim | None:
    by_serial = {claim.serial: claim for claim in claims}
    for serial in (asked.soft_serial, asked.serial):
        if serial and serial in by_serial:
            return by_serial[serial]
    return None
