"""Passwords and tokens.  Only hashes are stored; a token is found by its hash."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Row, delete, insert, select, update

from eaves.controller.domain.scope import Scope
from eaves.controller.store.dialect import upsert
from eaves.controller.store.objects import StoredObject, stored_from_row
from eaves.controller.store.tables import Kind, credentials, object_references, objects, tokens
from eaves.controller.store.unit import Db

SESSION = "session"
API = "api"
FACTOR = "factor"  # its password was right; it only lets the second factor be given


@dataclass(frozen=True, slots=True)
class Credential:
    user_id: str
    password_hash: str = field(repr=False)
    must_change: bool
    failed_attempts: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class StoredToken:
    id: str
    token_hash: bytes = field(repr=False)
    user_id: str
    enterprise_id: str
    kind: str  # session | api | factor
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    client: str = ""
    read_secrets: bool = False
    parent_id: str = ""  # the token that it was made with, and ends with
    ends_at: datetime | None = None  # nothing extends it beyond; None: beyond expires_at


async def find_user_for_login(db: Db, username: str) -> StoredObject | None:
    """The user of this name, before anybody is known: the one query without a scope of its kind."""
    users = objects[Kind.USER]
    row = (await db.execute(select(users).where(users.c.name == username))).one_or_none()
    return None if row is None else stored_from_row(Kind.USER, row)


async def find_user_of_token(db: Db, user_id: str) -> StoredObject | None:
    users = objects[Kind.USER]
    row = (await db.execute(select(users).where(users.c.id == user_id))).one_or_none()
    return None if row is None else stored_from_row(Kind.USER, row)


async def lock_user(db: Db, user_id: str) -> StoredObject | None:
    """As it is now, and stays until the end of the transaction."""
    users = objects[Kind.USER]
    query = select(users).where(users.c.id == user_id).with_for_update()
    row = (await db.execute(query)).one_or_none()
    return None if row is None else stored_from_row(Kind.USER, row)


async def users_with_roles(
    db: Db, enterprise_id: str, role_ids: Collection[str], limit: int
) -> tuple[StoredObject, ...]:
    """Users of an enterprise that have one of these roles of it, by name."""
    users, refer = objects[Kind.USER], object_references.c
    query = (
        select(users)
        .where(
            users.c.enterprise_id == enterprise_id,
            users.c.id.in_(select(refer.from_id).where(refer.to_id.in_(role_ids))),
        )
        .order_by(users.c.name)
        .limit(limit)
    )
    return tuple(stored_from_row(Kind.USER, row) for row in await db.execute(query))


async def put_credential(db: Db, credential: Credential) -> None:
    await upsert(
        db,
        credentials,
        {
            "user_id": credential.user_id,
            "password_hash": credential.password_hash,
            "must_change": credential.must_change,
            "failed_attempts": credential.failed_attempts,
            "changed_at": credential.changed_at,
        },
    )


async def find_credential(db: Db, user_id: str) -> Credential | None:
    row = (
        await db.execute(select(credentials).where(credentials.c.user_id == user_id))
    ).one_or_none()
    if row is None:
        return None
    return Credential(
        row.user_id, row.password_hash, row.must_change, row.failed_attempts, row.changed_at
    )


async def demand_change(db: Db, user_id: str) -> None:
    """The password is too old: a session with it can only change it."""
    await db.execute(
        update(credentials).where(credentials.c.user_id == user_id).values(must_change=True)
    )


async def delete_credential(db: Db, user_id: str) -> None:
    await db.execute(delete(credentials).where(credentials.c.user_id == user_id))


async def note_login(db: Db, user_id: str, *, succeeded: bool, times: int = 1) -> None:
    """Count failures in a row; a success ends the row."""
    attempts = 0 if succeeded else credentials.c.failed_attempts + times
    await db.execute(
        update(credentials).where(credentials.c.user_id == user_id).values(failed_attempts=attempts)
    )


async def insert_token(db: Db, token: StoredToken) -> None:
    await db.execute(
        insert(tokens).values(
            id=token.id,
            token_hash=token.token_hash,
            user_id=token.user_id,
            enterprise_id=token.enterprise_id,
            kind=token.kind,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            client=token.client,
            read_secrets=token.read_secrets,
            parent_id=token.parent_id or None,
            ends_at=token.ends_at,
        )
    )


async def find_token(db: Db, token_hash: bytes, now: datetime) -> StoredToken | None:
    """The token of this hash unless it has expired."""
    row = (
        await db.execute(
            select(tokens).where(tokens.c.token_hash == token_hash, tokens.c.expires_at > now)
        )
    ).one_or_none()
    return None if row is None else _token_from_row(row)


def _token_from_row(row: Row[tuple[object, ...]]) -> StoredToken:
    return StoredToken(
        row.id,
        row.token_hash,
        row.user_id,
        row.enterprise_id,
        row.kind,
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.client,
        row.read_secrets,
        row.parent_id or "",
        row.ends_at,
    )


async def end_of_token(db: Db, token_id: str) -> datetime | None:
    """When it expires; None for one that is no more."""
    query = select(tokens.c.expires_at).where(tokens.c.id == token_id)
    return (await db.execute(query)).scalar_one_or_none()


async def list_tokens(db: Db, user_id: str, now: datetime) -> tuple[StoredToken, ...]:
    query = (
        select(tokens)
        .where(tokens.c.user_id == user_id, tokens.c.expires_at > now)
        .order_by(tokens.c.created_at, tokens.c.id)
        .limit(1000)
    )
    return tuple(_token_from_row(row) for row in await db.execute(query))


async def list_sessions(
    db: Db, scope: Scope, kind: str, now: datetime, *, user_id: str = ""
) -> tuple[StoredToken, ...]:
    """Tokens of a kind that are in force, the newest 1,000; `user_id`: of this user only."""
    query = (
        select(tokens)
        .where(
            tokens.c.enterprise_id == scope.enterprise,
            tokens.c.kind == kind,
            tokens.c.expires_at > now,
        )
        .order_by(tokens.c.created_at.desc(), tokens.c.id)
        .limit(1000)
    )
    if user_id:
        query = query.where(tokens.c.user_id == user_id)
    return tuple(_token_from_row(row) for row in await db.execute(query))


async def note_token_use(db: Db, token_id: str, now: datetime, expires_at: datetime) -> None:
    await db.execute(
        update(tokens)
        .where(tokens.c.id == token_id)
        .values(last_used_at=now, expires_at=expires_at)
    )


async def delete_token(db: Db, token_hash: bytes) -> bool:
    """Those that were made with it go with it, here and below."""
    done = await db.execute(delete(tokens).where(tokens.c.token_hash == token_hash))
    return bool(done.rowcount)


async def delete_token_of(db: Db, user_id: str, token_id: str) -> bool:
    """By its id, which is no secret."""
    c = tokens.c
    done = await db.execute(delete(tokens).where(c.user_id == user_id, c.id == token_id))
    return bool(done.rowcount)


async def delete_tokens_of(db: Db, user_id: str) -> int:
    """All sessions and API tokens of a user: after a change of the password."""
    return (await db.execute(delete(tokens).where(tokens.c.user_id == user_id))).rowcount


async def delete_expired_tokens(db: Db, now: datetime) -> int:
    return (await db.execute(delete(tokens).where(tokens.c.expires_at <= now))).rowcount
