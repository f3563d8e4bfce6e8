"""The last good config as it was received: verified again before it is believed.  Pure.

After a power cut the clock may be anywhere (a dead RTC says 1970), and apps must start all the
same: the certificates that verify a *saved* config are judged at the time they were accepted, the
ones for talking to the controller at the present time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from eaves.errors import EavesError
from eaves.evapi.config import EdgeDevConfig, decode_edge_dev_config
from eaves.evapi.envelope import parse_envelope
from eaves.evapi.errors import CertificateTimeInvalid
from eaves.evapi.flows.trust import Trust, trust_from
from eaves.evapi.poll import decode_poll_response


@dataclass(frozen=True, slots=True)
class SavedTrust:
    usable_now: Trust | None  # for talking to the controller
    for_saved: tuple[Trust, ...]  # for believing what was saved
    clock_problem: str = ""


def open_saved_trust(
    listings: Iterable[bytes], roots_pem: bytes, now: datetime, accepted_at: datetime | None
) -> SavedTrust:
    """`listings`: saved ZControllerCert lists, the newest first; unusable ones are passed over."""
    usable: Trust | None = None
    believed: list[Trust] = []
    problem = ""
    for listed in listings:
        try:
            trust = trust_from(listed, roots_pem, lambda: now)
            usable = usable or trust
        except CertificateTimeInvalid as error:
            problem = str(error)
            if accepted_at is None:
                continue
            try:
                trust = trust_from(listed, roots_pem, lambda: accepted_at)
            except EavesError:
                continue
        except EavesError:
            continue
        believed.append(trust)
    return SavedTrust(usable, tuple(believed), "" if usable else problem)


@dataclass(frozen=True, slots=True)
class SavedConfig:
    config: EdgeDevConfig | None
    problems: tuple[str, ...]


def open_saved_config(containers: Iterable[bytes], trusts: tuple[Trust, ...]) -> SavedConfig:
    """The first container that one of `trusts` signed, and why earlier ones were passed over."""
    problems: list[str] = []
    for container in containers:
        try:
            return SavedConfig(_open(container, trusts), tuple(problems))
        except EavesError as error:
            problems.append(str(error))
    return SavedConfig(None, tuple(problems))


class SignerUnknown(EavesError):
    def __init__(self) -> None:
        super().__init__("the saved config is signed by none of the saved certificates")


def _open(container: bytes, trusts: tuple[Trust, ...]) -> EdgeDevConfig:
    sealed = parse_envelope(container)
    signer = next((t.current for t in trusts if sealed.sent_by(t.current.signing_hash)), None)
    if signer is None:
        raise SignerUnknown
    response = decode_poll_response(sealed.verify(signer.signing_key))
    return decode_edge_dev_config(response.config or b"")
