"""What a database needs before anybody can use it: tables, one enterprise, the user admin.

The password of admin is printed once and kept only as an argon2 hash; it must be changed at the
first interactive login, unless it came from a file that automation wrote.
"""

import base64
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.keys import KeyStore, Part, open_keys
from eaves.controller.keys.secret_key import secret_box
from eaves.controller.keys.store import AUDIT_LOG
from eaves.controller.settings import Settings
from eaves.controller.store.alone import served_alone
from eaves.controller.store.audit_chain import note_audit
from eaves.controller.store.files import refuse_mix
from eaves.controller.store.marks import ROTATE, note_restored, put_mark
from eaves.controller.store.people import Credential, find_user_for_login, put_credential
from eaves.controller.store.schema import upgrade
from eaves.controller.store.unfinished import refuse_unfinished
from eaves.controller.store.unit import (
    Db,
    check_server,
    open_engine,
    snapshot,
    unit_of_work,
    without_password,
)
from eaves.errors import Rejected, Transient

if TYPE_CHECKING:
    from eaves.controller.store.objects import StoredObject

ADMIN = "admin"
PASSWORD_BYTES = 18  # 24 characters

Clock = Callable[[], datetime]
Random = Callable[[int], bytes]


class DatabaseUnusable(Transient):
    """The database cannot be opened or reached now."""


class NoAdmin(Rejected):
    """There is no user admin to give a password to."""


class NothingToRotate(Rejected):
    """What was asked for is not in the hands of the controller."""


class NothingRestored(Rejected):
    """The database that a backup was to be restored to is empty."""


async def prepare_database(settings: Settings, *, clock: Clock, random: Random) -> tuple[str, ...]:
    """Bring the database up to this release; the lines to print, once, after a first start."""
    async with _database(settings) as engine:
        return await _prepare(engine, settings, clock, random)


async def prepare(
    settings: Settings, *, clock: Clock, random: Random
) -> tuple[KeyStore, tuple[str, ...]]:
    """Database and keys of a controller that starts, and the lines to print."""
    async with _database(settings) as engine:
        lines = await _prepare(engine, settings, clock, random)
        if settings.alone:
            return open_keys(settings, clock=clock, random=random), lines
        # imported here: a start on SQLite needs none of it
        from eaves.controller.keys.shared import open_shared_keys  # noqa: PLC0415 - see above

        return await open_shared_keys(engine, settings, clock=clock, random=random), lines


async def _prepare(
    engine: AsyncEngine, settings: Settings, clock: Clock, random: Random
) -> tuple[str, ...]:
    await refuse_unfinished(engine, settings.state_dir)
    refuse_mix(settings.database, settings.state_dir)
    await upgrade(engine)
    async with snapshot(engine) as db:
        if await find_user_for_login(db, ADMIN) is not None:
            return ()
    from eaves.controller.store.objects import NameTaken  # noqa: PLC0415 - only a first start

    try:
        async with unit_of_work(engine) as db:
            return await _make_admin(db, settings, clock(), random)
    except NameTaken:
        return ()  # another process started at the same moment, and prints the password


@asynccontextmanager
async def _database(settings: Settings, audit_key: bytes = b"") -> AsyncGenerator[AsyncEngine]:
    """Raises DatabaseUnusable where it cannot be opened or reached."""
    engine = open_engine(settings.database, audit_key)
    try:
        await check_server(engine)
        yield engine
    except DBAPIError as error:
        raise DatabaseUnusable(
            f"database {without_password(settings.database)}: {error.orig}; "
            "check that it is there and may be used, and --state-dir or --database-url"
        ) from error
    finally:
        await engine.dispose()


async def _make_admin(db: Db, settings: Settings, now: datetime, random: Random) -> tuple[str, ...]:
    # imported here: only a first start needs the types of the contract
    from eaves.controller.domain.builtin_roles import SYS_ROOT  # noqa: PLC0415 - see above
    from eaves.controller.domain.contract.users import (  # noqa: PLC0415 - see above
        AuthType,
        DetailedUser,
        Enterprise,
        EnterpriseState,
        UserState,
    )
    from eaves.controller.domain.scope import Scope  # noqa: PLC0415 - see above
    from eaves.controller.store.objects import (  # noqa: PLC0415 - see above
        Draft,
        Stamp,
        insert_object,
    )
    from eaves.controller.store.roles import builtin_roles  # noqa: PLC0415 - see above
    from eaves.controller.store.tables import Kind  # noqa: PLC0415 - see above
    from eaves.ids import EnterpriseId  # noqa: PLC0415 - see above

    enterprise_id, user_id = (
        str(uuid.UUID(bytes=random(16), version=4)),
        str(uuid.UUID(bytes=random(16), version=4)),
    )
    scope, stamp = Scope(EnterpriseId(enterprise_id)), Stamp(now, "system")
    enterprise = Enterprise(
        id=enterprise_id, name="default", title="Default", state=EnterpriseState.ACTIVE
    )
    drafts = (
        Draft(
            kind=Kind.ENTERPRISE,
            id=enterprise_id,
            enterprise_id=enterprise_id,
            name="default",
            title="Default",
            body=enterprise.to_json_text(),
        ),
        *builtin_roles(enterprise_id, random, platform=True),
    )
    for draft in drafts:
        await insert_object(db, scope, draft, stamp)
    role_id = next(draft.id for draft in drafts if draft.name == SYS_ROOT)
    user = DetailedUser(
        id=user_id,
        username=ADMIN,
        full_name="Administrator",
        enterprise_id=enterprise_id,
        role_id=role_id,
        state=UserState.ACTIVE,
        type=AuthType.LOCAL,
    )
    draft = Draft(
        kind=Kind.USER,
        id=user_id,
        enterprise_id=enterprise_id,
        name=ADMIN,
        title="Administrator",
        body=user.to_json_text(),
        references=frozenset({role_id}),
    )
    await insert_object(db, scope, draft, stamp)
    given = _given_password(settings.admin_password_file)
    password = given or _new_password(random)
    await put_credential(db, _credential(user_id, password, now, must_change=not given))
    if given:
        return ()
    return (f"user {ADMIN}, password {password} (shown once; change it at the first login)",)


def _credential(user_id: str, password: str, now: datetime, *, must_change: bool) -> Credential:
    from argon2 import PasswordHasher  # noqa: PLC0415 - only where a password is set

    return Credential(
        user_id=user_id,
        password_hash=PasswordHasher().hash(password),
        must_change=must_change,
        failed_attempts=0,
        changed_at=now,
    )


def _given_password(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        password = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Rejected(f"--admin-password-file {path}: {error}; give a readable file") from error
    if not password:
        raise Rejected(f"--admin-password-file {path} is empty; write the password into it")
    return password


def _new_password(random: Random) -> str:
    return base64.urlsafe_b64encode(random(PASSWORD_BYTES)).decode()


async def restored(settings: Settings, *, clock: Clock) -> str:
    """Say that the database is a restored backup; the line to print.  Raises AlreadyServed."""
    with served_alone(settings.database):
        return await note_restored_database(settings, clock=clock)


async def note_restored_database(settings: Settings, *, clock: Clock) -> str:
    """As `restored`, by whom the database belongs to already."""
    async with _database(settings) as engine:
        await upgrade(engine)
        async with unit_of_work(engine) as db:
            if await find_user_for_login(db, ADMIN) is None:
                raise NothingRestored(
                    f"{without_password(settings.database)} holds nothing yet; copy the backup "
                    "there first, or correct --state-dir or --database-url"
                )
            await note_restored(db, clock())
    return "every device gets its configuration anew when this controller starts"


async def reset_admin_password(settings: Settings, *, clock: Clock, random: Random) -> str:
    """Give admin a new password and end its sessions; the line to print."""
    from eaves.controller.domain.secrets import SecretName  # noqa: PLC0415 - rarely needed
    from eaves.controller.store.people import delete_tokens_of  # noqa: PLC0415 - as above
    from eaves.controller.store.sealed import delete_secret  # noqa: PLC0415 - as above
    from eaves.controller.store.sign_in import (  # noqa: PLC0415 - as above
        delete_second_factor,
        forget_guesses,
    )

    key = _audit_key(settings, random)
    async with _database(settings, key) as engine:
        await upgrade(engine)
        async with unit_of_work(engine) as db:
            user = await find_user_for_login(db, ADMIN)
            if user is None:
                raise NoAdmin(
                    f"{without_password(settings.database)}: no user {ADMIN} yet; "
                    "start `eaves controller` once"
                )
            given = _given_password(settings.admin_password_file)
            password = given or _new_password(random)
            await put_credential(db, _credential(user.id, password, clock(), must_change=not given))
            await delete_tokens_of(db, user.id)
            await forget_guesses(db, user.id)
            # whoever has this machine may have lost the app that shows the codes
            if await delete_second_factor(db, user.id):
                await delete_secret(db, SecretName(user.id, "totp"))
            if key:
                note_audit(db, _reset_entry(user, clock()))
    if given:
        return f"user {ADMIN} has the password of {settings.admin_password_file}"
    return f"user {ADMIN}, password {password} (shown once; change it at the first login)"


def _audit_key(settings: Settings, random: Random) -> bytes:
    """Empty where no controller has run yet: there is nobody whose password could be reset."""
    if not settings.secret_key_path.exists():
        return b""
    return secret_box(settings, random).derived(AUDIT_LOG)


def _reset_entry(user: "StoredObject", now: datetime) -> AuditEntry:
    return AuditEntry(
        at=now,
        enterprise_id=user.enterprise_id,
        verb="password set",
        result="done",
        user_name="root",
        client="the machine of the controller: eaves controller reset-admin",
        object_kind="users",
        object_id=user.id,
        object_name=user.name,
    )


async def ask_to_rotate(settings: Settings, parts: Sequence[str], *, random: Random) -> str:
    """Let the controllers on this database exchange certificates; the line to print."""
    if settings.own_signing is not None and Part.SIGNING in parts:
        raise NothingToRotate(
            f"the signing certificate comes from {settings.own_signing.certificates}; renew it "
            "there, the controller takes it by itself"
        )
    async with _database(settings) as engine:
        await refuse_unfinished(engine, settings.state_dir)
        async with unit_of_work(engine) as db:
            # another text than before: who asks while it is done is not forgotten
            await put_mark(db, ROTATE, " ".join((*sorted(parts), random(8).hex())))
    return (
        f"{' and '.join(sorted(parts))} certificates are exchanged within seconds by a controller "
        "that runs, else when one starts"
    )
