"""Devices that may need a person: silent, not attested, or without a record."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    exists,
    func,
    or_,
    select,
    union_all,
)

from eaves.controller.domain.scope import Scope
from eaves.controller.store.tables import (
    Kind,
    attestations,
    device_bindings,
    onboarding_claims,
    unclaimed_devices,
)
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db

DEVICES: Final = listed[Kind.DEVICE]


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A machine that came with an onboarding key of a record of ours, and has no record itself."""

    onboarding_key: str
    serial: str
    soft_serial: str
    attempts: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Troubled:
    """A device that was heard of once; `last_seen`: the last time."""

    id: str
    name: str
    project_id: str
    last_seen: datetime | None
    reported_state: int | None


@dataclass(frozen=True, slots=True)
class Unattested:
    """`state` is empty where it never tried; `attested_at`: of the last success."""

    id: str
    name: str
    project_id: str
    state: str
    detail: str
    attested_at: datetime | None


def _visible(columns: Any, scope: Scope) -> ColumnElement[bool]:
    inside: ColumnElement[bool] = columns.enterprise_id == scope.enterprise
    if scope.projects is None:
        return inside
    return inside & or_(columns.project_id == "", columns.project_id.in_(scope.projects))


async def unclaimed_in(db: Db, scope: Scope, limit: int) -> tuple[Unclaimed, ...]:
    """The newest of those whose onboarding key a device of this scope has."""
    u, claim, device = unclaimed_devices.c, onboarding_claims.c, DEVICES.c
    keys = select(u.onboarding_key).distinct().subquery()
    ours = exists().where(
        claim.onboarding_key == keys.c.onboarding_key,
        claim.device_id == device.id,
        _visible(device, scope),
    )
    query = select(u.onboarding_key, u.serial, u.soft_serial, u.attempts, u.first_at, u.last_at)
    query = query.where(u.onboarding_key.in_(select(keys.c.onboarding_key).where(ours)))
    rows = await db.execute(query.order_by(u.last_at.desc(), u.certificate_hash).limit(limit))
    return tuple(Unclaimed(*row) for row in rows)


async def troubled_in(
    db: Db, scope: Scope, suspect: datetime, states: Collection[int], limit: int
) -> tuple[Troubled, ...]:
    """Last heard of before `suspect`, or in one of these states; the longest silent ones first."""
    c = DEVICES.c
    query = select(c.id, c.name, c.project_id, c.last_seen_at, c.reported_state).where(
        _visible(c, scope),
        or_(
            c.last_seen_at < suspect, and_(c.last_seen_at >= suspect, c.reported_state.in_(states))
        ),
    )
    rows = await db.execute(query.order_by(c.last_seen_at, c.id).limit(limit))
    return tuple(Troubled(*row) for row in rows)


async def unattested_in(
    db: Db, scope: Scope, passed: Collection[str], limit: int
) -> tuple[Unattested, ...]:
    """Those that tried and did not pass, and those that have to and never did, by name.

    Each of the two begins with an index that holds few others, not with all devices.
    """
    found = union_all(_failed(scope, passed), _never_tried(scope))
    ordered = found.order_by(found.selected_columns.name, found.selected_columns.id)
    return tuple(Unattested(*row) for row in await db.execute(ordered.limit(limit)))


def _failed(scope: Scope, passed: Collection[str]) -> Select[*tuple[Any, ...]]:
    kept = attestations.c
    return _attesting(
        attestations.join(DEVICES, _same_device(attestations)),
        kept.enterprise_id == scope.enterprise,
        kept.state > "",
        kept.state.not_in(passed),
        _visible(DEVICES.c, scope),
    )


def _never_tried(scope: Scope) -> Select[*tuple[Any, ...]]:
    kept, bound = attestations.c, device_bindings.c
    return _attesting(
        device_bindings.join(DEVICES, _same_device(device_bindings)).outerjoin(
            attestations,
            and_(kept.enterprise_id == bound.enterprise_id, kept.device_id == bound.device_id),
        ),
        bound.enterprise_id == scope.enterprise,
        bound.attestation_required,
        ~bound.gone,
        func.coalesce(kept.state, "") == "",
        _visible(DEVICES.c, scope),
    )


def _attesting(among: FromClause, *which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    c, kept = DEVICES.c, attestations.c
    return (
        select(
            *(c.id, c.name, c.project_id),
            func.coalesce(kept.state, "").label("state"),
            func.coalesce(kept.detail, "").label("detail"),
            kept.token_at,
        )
        .select_from(among)
        .where(*which)
    )


def _same_device(table: Table) -> ColumnElement[bool]:
    c = DEVICES.c
    return and_(c.enterprise_id == table.c.enterprise_id, c.id == table.c.device_id)
