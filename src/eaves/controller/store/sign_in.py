"""Guesses, second factors, earlier passwords, and who came back from a provider of identities."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, func, insert, or_, select, true, update

from eaves.controller.domain.lockout import LOCKED_FOR, Guesses
from eaves.controller.store.dialect import insert_missing, insert_new, upsert
from eaves.controller.store.people import SESSION
from eaves.controller.store.tables import Kind, object_ids, objects, tokens
from eaves.controller.store.tables_sign_in import (
    earlier_passwords,
    guesses,
    identities,
    recovery_codes,
    second_factors,
    used_states,
    visits,
)
from eaves.controller.store.unit import Db


async def one_at_a_time(db: Db, user_id: str) -> None:
    """Wait for whoever gives or ends tokens of a user, or changes what it proves itself by.

    What is read after it holds until the end of the transaction: a sign-in that began with the old
    password gives no session beside the transaction that ends all of them.
    """
    row = select(object_ids.c.id).where(object_ids.c.id == user_id)
    await db.execute(row.with_for_update(key_share=True))


# --- when users came and went -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visit:
    """The last time that a user signed in, and signed out."""

    signed_in_at: datetime
    signed_out_at: datetime | None = None


async def note_signed_in(db: Db, user_id: str, at: datetime) -> None:
    row = {"user_id": user_id, "signed_in_at": at, "signed_out_at": None}
    await upsert(db, visits, row, keep=("signed_out_at",))


async def note_signed_out(db: Db, user_id: str, at: datetime) -> None:
    """Nothing for who never signed in: a token of it was made by somebody else."""
    await db.execute(update(visits).where(visits.c.user_id == user_id).values(signed_out_at=at))


async def visits_of(db: Db, enterprise_id: str, user_id: str = "") -> Mapping[str, Visit]:
    """By user of the enterprise, or of the one user; who never signed in has none."""
    users, c = objects[Kind.USER].c, visits.c
    query = (
        select(c.user_id, c.signed_in_at, c.signed_out_at)
        .join_from(visits, objects[Kind.USER], users.id == c.user_id)
        .where(users.enterprise_id == enterprise_id, c.user_id == user_id if user_id else true())
    )
    rows = await db.execute(query)
    return {row.user_id: Visit(row.signed_in_at, row.signed_out_at) for row in rows}


# --- guesses ------------------------------------------------------------------------------------


async def find_guesses(db: Db, user_id: str) -> tuple[Guesses, ...]:
    c = guesses.c
    rows = await db.execute(
        select(c.address, c.failures, c.last_at, c.minute_failures, c.minute_at).where(
            c.user_id == user_id
        )
    )
    return tuple(Guesses(*row) for row in rows)


async def put_guesses(db: Db, user_id: str, one: Guesses) -> None:
    """Also clears away what counts no more, of whomever."""
    await db.execute(delete(guesses).where(guesses.c.last_at < one.last_at - LOCKED_FOR))
    await upsert(
        db,
        guesses,
        {
            "user_id": user_id,
            "address": one.address,
            "failures": one.failures,
            "last_at": one.last_at,
            "minute_failures": one.minute_failures,
            "minute_at": one.minute_at,
        },
    )


async def forget_guesses(db: Db, user_id: str, address: str = "") -> int:
    """From one address, or from all of them; how many rows."""
    there = guesses.c.user_id == user_id
    if address:
        there = and_(there, guesses.c.address == address)
    return (await db.execute(delete(guesses).where(there))).rowcount


async def is_signed_in_from(db: Db, user_id: str, host: str, kind: str, now: datetime) -> bool:
    c = tokens.c
    here = or_(c.client == host, c.client.startswith(f"{host} ", autoescape=True))
    query = (
        select(c.id).where(c.user_id == user_id, c.kind == kind, c.expires_at > now, here).limit(1)
    )
    return bool(host) and (await db.execute(query)).first() is not None


# --- earlier passwords --------------------------------------------------------------------------


async def keep_earlier_password(
    db: Db, user_id: str, password_hash: str, changed_at: datetime, *, remembered: int
) -> None:
    """Remember a password that was replaced, and forget those beyond the newest `remembered`."""
    row = {"user_id": user_id, "changed_at": changed_at, "password_hash": password_hash}
    await upsert(db, earlier_passwords, row)
    c = earlier_passwords.c
    newest = (
        select(c.changed_at)
        .where(c.user_id == user_id)
        .order_by(c.changed_at.desc())
        .limit(remembered)
    )
    kept = (await db.execute(newest)).scalars().all()
    old = c.user_id == user_id
    await db.execute(
        delete(earlier_passwords).where(old, c.changed_at.not_in(kept) if kept else old)
    )


async def earlier_passwords_of(db: Db, user_id: str, number: int) -> tuple[str, ...]:
    """Their hashes, the newest first."""
    c = earlier_passwords.c
    query = (
        select(c.password_hash)
        .where(c.user_id == user_id)
        .order_by(c.changed_at.desc())
        .limit(number)
    )
    return tuple((await db.execute(query)).scalars().all())


# --- second factors -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """`last_step`: of the last code that was taken; `wrong_codes`: how many in a row."""

    user_id: str
    confirmed: bool
    last_step: int
    made_at: datetime
    wrong_codes: int = 0
    wrong_at: datetime | None = None


async def find_second_factor(db: Db, user_id: str) -> SecondFactor | None:
    row = (
        await db.execute(select(second_factors).where(second_factors.c.user_id == user_id))
    ).one_or_none()
    if row is None:
        return None
    return SecondFactor(
        row.user_id, row.confirmed, row.last_step, row.made_at, row.wrong_codes, row.wrong_at
    )


async def begin_second_factor(db: Db, user_id: str, made_at: datetime) -> bool:
    """One that waits for its first code; False where there is one that had it."""
    fresh = {"confirmed": False, "last_step": 0, "made_at": made_at}
    if await insert_new(db, second_factors, {"user_id": user_id, **fresh}):
        return True
    c = second_factors.c
    waiting = and_(c.user_id == user_id, c.confirmed.is_(False))
    done = await db.execute(
        update(second_factors).where(waiting).values(**fresh, wrong_codes=0, wrong_at=made_at)
    )
    return done.rowcount == 1


async def count_wrong_codes(db: Db, user_id: str, number: int, at: datetime | None = None) -> None:
    """In a row; 0 after a right one."""
    values: dict[str, object] = {"wrong_codes": number}
    if at is not None:
        values["wrong_at"] = at
    await db.execute(
        update(second_factors).where(second_factors.c.user_id == user_id).values(**values)
    )


async def take_step(db: Db, user_id: str, step: int) -> bool:
    """Use a code up and confirm the factor; False where another request used it first."""
    c = second_factors.c
    done = await db.execute(
        update(second_factors)
        .where(c.user_id == user_id, c.last_step < step)
        .values(last_step=step, confirmed=True, wrong_codes=0)
    )
    return done.rowcount == 1


async def delete_second_factor(db: Db, user_id: str) -> bool:
    await db.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
    done = await db.execute(delete(second_factors).where(second_factors.c.user_id == user_id))
    return bool(done.rowcount)


async def put_recovery_codes(db: Db, user_id: str, hashes: Iterable[bytes]) -> None:
    """In place of those that there are."""
    await db.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
    rows = [{"user_id": user_id, "code_hash": one} for one in hashes]
    await db.execute(insert(recovery_codes), rows)


async def take_recovery_code(db: Db, user_id: str, code_hash: bytes) -> bool:
    c = recovery_codes.c
    done = await db.execute(
        delete(recovery_codes).where(c.user_id == user_id, c.code_hash == code_hash)
    )
    return done.rowcount == 1


async def count_recovery_codes(db: Db, user_id: str) -> int:
    query = select(func.count()).where(recovery_codes.c.user_id == user_id)
    return (await db.execute(query)).scalar_one()


# --- providers of identities --------------------------------------------------------------------


async def use_state(db: Db, state_hash: bytes, expires_at: datetime, now: datetime) -> bool:
    """False where it was used before.  Also clears away those that are too old anyhow."""
    c = used_states.c
    await db.execute(delete(used_states).where(c.expires_at <= now))
    if (await db.execute(select(c.state_hash).where(c.state_hash == state_hash))).first():
        return False
    # of two at the same time the database lets one pass
    await db.execute(insert(used_states).values(state_hash=state_hash, expires_at=expires_at))
    return True


async def is_used_state(db: Db, state_hash: bytes) -> bool:
    c = used_states.c
    query = select(c.state_hash).where(c.state_hash == state_hash)
    return (await db.execute(query)).first() is not None


async def find_identity(db: Db, profile_id: str, issuer: str, subject: str) -> str:
    """The id of the user; empty for somebody new."""
    c = identities.c
    query = select(c.user_id).where(
        c.profile_id == profile_id, c.issuer == issuer, c.subject == subject
    )
    return (await db.execute(query)).scalar_one_or_none() or ""


async def is_somebody_else(db: Db, user_id: str, issuer: str, subject: str) -> bool:
    """Whether the user belongs to another person of the same provider, by whichever profile."""
    c = identities.c
    others = and_(c.user_id == user_id, c.issuer == issuer, c.subject != subject)
    return (await db.execute(select(c.user_id).where(others).limit(1))).first() is not None


async def forget_identities(db: Db, user_id: str) -> None:
    await db.execute(delete(identities).where(identities.c.user_id == user_id))


async def put_identity(db: Db, profile_id: str, issuer: str, subject: str, user_id: str) -> None:
    row = {"profile_id": profile_id, "issuer": issuer, "subject": subject, "user_id": user_id}
    await insert_missing(db, identities, [row])


async def end_sessions_of_provider(db: Db, profile_id: str) -> int:
    """Of everybody who ever came through it; their API tokens are ended one by one."""
    came = select(identities.c.user_id).where(identities.c.profile_id == profile_id)
    of_them = and_(tokens.c.kind == SESSION, tokens.c.user_id.in_(came))
    return (await db.execute(delete(tokens).where(of_them))).rowcount
