"""Enterprises, realms, and what an enterprise may have."""

from collections.abc import Collection, Iterable

from eaves.controller.domain.admission.refusal import Refusal, admit_names, invalid
from eaves.controller.domain.contract.entitlements import DeviceEntitlement, Entitlement
from eaves.controller.domain.contract.envelope import ZsrvErrorCode
from eaves.controller.domain.contract.users import Enterprise, EnterpriseState, Realm

LONGEST_TOKEN_S = 10 * 365 * 24 * 3600
DEEPEST = 8  # enterprises above another
NAME_LENGTHS = range(3, 257)


def admit_enterprise(
    wanted: Enterprise,
    current: Enterprise | None,
    *,
    children: Collection[str],
    above: int,
    own: bool,
) -> tuple[Refusal, ...]:
    """`children`: names of those below; `above`: how many stand above; `own`: of whoever asks."""
    refusals = [*admit_names("enterprise", wanted, current)]
    if current is not None and wanted.parent_entp_id not in ("", current.parent_entp_id):
        refusals.append(
            invalid(
                "parentEntpId",
                f"enterprise {wanted.name!r} stays below the one that it was made below",
            )
        )
    if current is None and above > DEEPEST:
        refusals.append(
            invalid(
                "parentEntpId",
                f"enterprise {wanted.name!r} would stand below {above} others; "
                f"{DEEPEST} are the most",
            )
        )
    named = {str(one.get("name", "")) for one in wanted.child_enterprises} - {""}
    refusals += [
        invalid(
            "childEnterprises",
            f"{name!r} is not below {wanted.name!r}; make it with parentEntpId instead",
        )
        for name in sorted(named - set(children))
    ]
    if not 0 <= wanted.api_token_expiry_in_seconds <= LONGEST_TOKEN_S:
        refusals.append(
            invalid(
                "apiTokenExpiryInSeconds",
                f"apiTokenExpiryInSeconds is {wanted.api_token_expiry_in_seconds}; give 0 to "
                f"{LONGEST_TOKEN_S}",
            )
        )
    if wanted.state is EnterpriseState.DELETED:
        refusals.append(invalid("state", "an enterprise is deleted by DELETE, not by its state"))
    elif own and current is not None and _in_force(current) and not _in_force(wanted):
        refusals.append(
            invalid(
                "state",
                f"{wanted.name!r} is your own enterprise: nobody could sign in to it "
                "any more; somebody of the enterprise above may set its state",
            )
        )
    refusals += _admit_realm_names(wanted.realms)
    return tuple(refusals)


def _in_force(enterprise: Enterprise) -> bool:
    return enterprise.state in (EnterpriseState.ACTIVE, EnterpriseState.UNSPECIFIED)


def _admit_realm_names(names: Iterable[str]) -> Iterable[Refusal]:
    for name in names:
        yield from (
            Refusal(one.code, "realms", one.details)
            for one in admit_names("realm", Realm(name=name, title=name or "-"), None)
        )


def admit_realm(wanted: Realm, current: Realm | None, enterprise_id: str) -> tuple[Refusal, ...]:
    refusals = [*admit_names("realm", wanted, current)]
    if wanted.enterprise_id not in ("", enterprise_id):
        refusals.append(
            invalid("enterpriseId", "a realm belongs to the enterprise of whoever makes it")
        )
    return tuple(refusals)


def limits_of(entitlement: Entitlement) -> dict[str, int]:
    """What is bounded, and by how much; what is not there, or 0, is not bounded."""
    found = {f"devices of {one.size.value}": one.limit for one in entitlement.devices if one.limit}
    if entitlement.user_count is not None and entitlement.user_count.limit:
        found["users"] = entitlement.user_count.limit
    if entitlement.plugins is not None and entitlement.plugins.plugin_total_limit:
        found["plugins"] = entitlement.plugins.plugin_total_limit
    return found


def admit_entitlement(wanted: Entitlement, above: Entitlement | None) -> tuple[Refusal, ...]:
    """Nobody hands down more than it has; `above`: what the enterprise above may have."""
    limits, theirs = limits_of(wanted), {} if above is None else limits_of(above)
    refusals = [
        invalid(what, f"the limit of {what} is {limit}; give 0 for none, or more")
        for what, limit in limits.items()
        if limit < 0
    ]
    for what, most in theirs.items():
        limit = limits.get(what, 0)
        if limit == 0 or limit > most:
            refusals.append(
                Refusal(
                    ZsrvErrorCode.RANGE_ERROR,
                    what,
                    f"the enterprise above may have {most} {what}; give a limit up to that",
                )
            )
    sizes = [one.size for one in wanted.devices]
    if len(set(sizes)) < len(sizes):
        refusals.append(invalid("devices", "a size stands in it more than once"))
    return tuple(refusals)


def device_limit(devices: Iterable[DeviceEntitlement]) -> int:
    """How many devices in all; 0: no bound.  No device has a size here, so limits add up."""
    limits = [one.limit for one in devices]
    return sum(limits) if limits and all(limits) else 0
