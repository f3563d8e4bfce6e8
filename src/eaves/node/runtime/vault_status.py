"""What the node says of its vault: data security at rest of the info message.  Pure."""

from dataclasses import dataclass

from eaves.evapi.info import (
    DataSecAtRest,
    DataSecAtRestStatus,
    ErrorInfo,
    PCRStatus,
    Severity,
    VaultInfo,
)
from eaves.node.vault.keeper import Standing
from eaves.node.vault.keyring import Holder
from eaves.node.vault.states import Phase

NAME = "Application Data Store"  # as EVE calls it


@dataclass(frozen=True, slots=True)
class VaultSeen:
    standing: Standing
    closed: str  # why nothing in it can be used; empty: it is open, or there is none
    escrow_error: str = ""  # why what the controller gave back did not help
    plan_error: str = ""  # why fewer holders open it than the controller asks for


def data_sec_at_rest(seen: VaultSeen) -> DataSecAtRest:
    status = _status(seen.standing.phase)
    error = vault_error(seen)
    return DataSecAtRest(
        status=status,
        info=vault_text(seen),
        vault_list=(
            VaultInfo(
                name=NAME,
                status=status,
                vault_err=ErrorInfo(description=error, severity=Severity.SEVERITY_ERROR)
                if error
                else None,
                pcr_status=_pcr_status(seen.standing.phase),
            ),
        ),
    )


def vault_text(seen: VaultSeen) -> str:
    """One line, for a person."""
    standing = seen.standing
    if seen.closed:
        return vault_error(seen)
    if standing.phase is Phase.DISABLED:
        return f"not encrypted: {standing.why}"
    said = [*_opened_by(standing)]
    said += [text for text in (standing.why, seen.plan_error) if text]
    return f"vault open; {'; '.join(said)}" if said else "vault open"


def vault_error(seen: VaultSeen) -> str:
    parts = [text for text in (seen.closed, seen.escrow_error, seen.plan_error) if text]
    return "; ".join(parts)


def _opened_by(standing: Standing) -> list[str]:
    keyring = standing.keyring
    if keyring is None:
        return []
    holders = ", ".join(keyring.plan.holders)
    said = [f"opened by {keyring.plan.needed} of {holders}"]
    said.append(f"sealed to PCR {','.join(map(str, keyring.pcrs))}")
    if any(one.expected for one in keyring.sealed):
        said.append("and to those of an update that is expected")
    if Holder.ESCROW in keyring.plan.holders:
        kept = keyring.escrowed and not standing.escrow_due
        said.append("in escrow at the controller" if kept else "NOT yet in escrow")
    return said


def _status(phase: Phase) -> DataSecAtRestStatus:
    match phase:
        case Phase.OPEN:
            return DataSecAtRestStatus.DATASEC_AT_REST_ENABLED
        case Phase.DISABLED:
            return DataSecAtRestStatus.DATASEC_AT_REST_DISABLED
        case Phase.START | Phase.FRESH | Phase.LOCKED:
            return DataSecAtRestStatus.DATASEC_AT_REST_ERROR


def _pcr_status(phase: Phase) -> PCRStatus:
    return PCRStatus.PCR_DISABLED if phase is Phase.DISABLED else PCRStatus.PCR_ENABLED
