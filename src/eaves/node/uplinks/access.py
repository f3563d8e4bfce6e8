"""802.1X of wired ports: what a supplicant is told, what it says, when an address is asked anew.

Pure.  A port that was let in may be in another network than before: its DHCP client asks again, at
first soon, then ever later, until the subnet is another or the tries are used up.  Source: node
reference, section 5.1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from eaves.errors import Rejected
from eaves.evapi.config.netconfig import PNAC, EAPMethod
from eaves.evapi.info import SupplicantState
from eaves.node.refs import PortCredentials

CHAIN, TRUSTED = "chain.pem", "trusted.pem"
FIRST_PAUSE_S = 2.0
STATES = {
    "CONNECTING": SupplicantState.SUPPLICANT_STATE_CONNECTING,
    "RESTART": SupplicantState.SUPPLICANT_STATE_CONNECTING,
    "AUTHENTICATING": SupplicantState.SUPPLICANT_STATE_AUTHENTICATING,
    "AUTHENTICATED": SupplicantState.SUPPLICANT_STATE_AUTHENTICATED,
    "FORCE_AUTH": SupplicantState.SUPPLICANT_STATE_AUTHENTICATED,
    "HELD": SupplicantState.SUPPLICANT_STATE_HELD,
}
_CERTIFICATE = re.compile(r"CTRL-EVENT-EAP-TLS-CERT-ERROR .*err='([^'\n]{1,200})'")
_EVENT = re.compile(r"CTRL-EVENT-EAP-(TLS-CERT-ERROR|FAILURE|SUCCESS)")


class AccessUnusable(Rejected):
    """A port cannot authenticate itself as it is described."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a supplicant says; `admitted`: frames of the port may pass."""

    state: SupplicantState = SupplicantState.SUPPLICANT_STATE_UNSPECIFIED
    admitted: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """Of one port, for its status."""

    state: SupplicantState = SupplicantState.SUPPLICANT_STATE_UNSPECIFIED
    enabled: bool = False  # a supplicant runs
    error: str = ""
    since: datetime | None = None  # last authenticated


def configuration(pnac: PNAC, given: PortCredentials, folder: Path, door: Path) -> str:
    """Of wpa_supplicant; the files that it names are `files`.  Raises AccessUnusable."""
    if pnac.eap_method != EAPMethod.EAP_METHOD_TLS:
        raise AccessUnusable(
            f"EAP method {int(pnac.eap_method)} is none that this node speaks; write EAP-TLS (1)"
        )
    if not pnac.eap_identity:
        raise AccessUnusable("eap_identity is empty: write the name to authenticate with")
    if not given.trusted:
        raise AccessUnusable("no certificate of an authority is known: anybody could let it in")
    # Paths are the node's own; what came from outside is written as hexadecimal.
    lines = [
        "key_mgmt=IEEE8021X",
        "eap=TLS",
        "eapol_flags=0",
        f"identity={pnac.eap_identity.encode().hex()}",
        f'ca_cert="{folder / TRUSTED}"',
        f'client_cert="{folder / CHAIN}"',
        f'private_key="{given.key}"',
    ]
    digest = sha256(given.chain + b"\0" + given.trusted).hexdigest()
    head = (f"# {digest}", f"ctrl_interface=DIR={door}", "ap_scan=0", "eapol_version=2")
    network = "network={\n" + "".join(f"\t{line}\n" for line in lines) + "}"
    return "\n".join([*head, network, ""])


def files(given: PortCredentials) -> Mapping[str, bytes]:
    return {CHAIN: given.chain, TRUSTED: given.trusted}


def told_by(status: str) -> Told:
    """From the answer to STATUS.  Without an authenticator that answers, a port counts as admitted
    after some tries (IEEE 802.1X): its state is then that nobody was met.
    """
    lines = [line.partition("=") for line in status.splitlines()]
    values = {key: value for key, _, value in lines}
    state = STATES.get(
        values.get("Supplicant PAE state", ""), SupplicantState.SUPPLICANT_STATE_DISCONNECTED
    )
    eap = values.get("EAP state", "")
    if eap == "FAILURE" and state is not SupplicantState.SUPPLICANT_STATE_HELD:
        state = SupplicantState.SUPPLICANT_STATE_FAILED
    if state is SupplicantState.SUPPLICANT_STATE_AUTHENTICATED and eap != "SUCCESS":
        state = SupplicantState.SUPPLICANT_STATE_CONNECTING
    return Told(state, values.get("suppPortStatus") == "Authorized")


def silent(before: Access, why: str) -> Access:
    """A supplicant runs and does not answer: what it said last goes on.

    One that was only just started is not ready yet, which is no error.
    """
    return replace(before, enabled=True, error=why if before.enabled else "")


def failure(output: str) -> str:
    """Why the last try failed, of what a supplicant prints; blank: it did not."""
    why = ""
    for line in output.splitlines():
        event = _EVENT.search(line)
        if event is None:
            continue
        certificate = _CERTIFICATE.search(line)
        match event[1]:
            case "SUCCESS":
                why = ""
            case "TLS-CERT-ERROR":
                reason = certificate[1] if certificate else "it is not trusted"
                why = (
                    f"the certificate of the authentication server is refused: {reason}; put its "
                    "authority into ca_cert_pem of the enrolment profile"
                )
            case _:
                why = why or (
                    "the authentication server refuses this device; look into its log, and whether "
                    "it knows identity and certificate"
                )
    return why


# A new address


@dataclass(frozen=True, slots=True)
class Reacquire:
    """`due`: when the DHCP client asks next; None: it is not made to."""

    admitted: bool = False
    subnet: str = ""  # when that changed
    tries: int = 0
    due: float | None = None


def reacquire(
    before: Reacquire, subnet: str, now: float, most: int, *, admitted: bool
) -> tuple[Reacquire, bool]:
    """What is to be remembered, and whether to ask for an address now."""
    if admitted != before.admitted:
        due = now + FIRST_PAUSE_S if most else None
        return Reacquire(admitted, subnet, 0, due), False
    if before.due is None or now < before.due:
        return before, False
    if subnet and subnet != before.subnet:
        return replace(before, due=None), False
    tries = before.tries + 1
    due = now + FIRST_PAUSE_S * 2**tries if tries < most else None
    return replace(before, tries=tries, due=due), True
