"""The checks of a controller process: database, schema, disk, certificates, event loops."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy.engine import make_url

from eaves.controller.observe.health import Probe
from eaves.controller.store.schema import HEAD
from eaves.controller.store.unit import without_password
from eaves.errors import Transient

DATABASE_TIMEOUT_S = 3.0
LOOP_TIMEOUT_S = 5.0
LEAST_FREE_BYTES = 128 * 1024 * 1024
EXPIRES_SOON = timedelta(days=7)
_VERSION = "SELECT version_num FROM alembic_version"


class Unhealthy(Transient):
    """What a check found wrong."""


def database(url: str) -> Probe:
    """It answers, and its schema is that of this release."""

    def probe() -> str:
        shown = without_password(url)
        try:
            schema = _schema_of(url)
        except Exception as error:
            raise Unhealthy(
                f"database {shown} does not answer: {error}; check that it runs and is reachable"
            ) from error
        if schema != HEAD:
            raise Unhealthy(
                f"database {shown} has schema {schema}, this release works with {HEAD}; "
                "restart the controllers with one release"
            )
        return f"{shown} answers, schema {schema}"

    return probe


def _schema_of(url: str) -> str:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        uri = f"{Path(parsed.database or '').absolute().as_uri()}?mode=ro"
        with contextlib.closing(
            sqlite3.connect(uri, uri=True, timeout=DATABASE_TIMEOUT_S)
        ) as connection:
            return str(connection.execute(_VERSION).fetchone()[0])
    import psycopg  # noqa: PLC0415 - only where this database is used
    from psycopg import sql  # noqa: PLC0415 - as above

    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, connect_timeout=int(DATABASE_TIMEOUT_S)) as connection:
        limit = sql.Literal(int(DATABASE_TIMEOUT_S * 1000))
        connection.execute(sql.SQL("SET statement_timeout = {}").format(limit))
        row = connection.execute(_VERSION).fetchone()
        return str(row[0] if row else None)


def disk(folder: Path, least_free_bytes: int = LEAST_FREE_BYTES) -> Probe:
    """The file system of the state folder has room."""

    def probe() -> str:
        found = os.statvfs(folder)
        free = found.f_bavail * found.f_frsize
        if free < least_free_bytes:
            raise Unhealthy(
                f"{folder}: {free // 1024**2} MiB free, {least_free_bytes // 1024**2} are needed; "
                "make room or lower what is kept"
            )
        return f"{folder}: {free // 1024**2} MiB free"

    return probe


def certificate(what: str, read: Callable[[], bytes], clock: Callable[[], datetime]) -> Probe:
    """`read` gives PEM, the certificate in question first."""

    def probe() -> str:
        leaf = x509.load_pem_x509_certificates(read())[0]
        now, ends = clock(), leaf.not_valid_after_utc
        if now >= ends:
            raise Unhealthy(f"{what} expired at {ends.isoformat()}; renew it, devices refuse it")
        if now < leaf.not_valid_before_utc:
            raise Unhealthy(
                f"{what} is valid from {leaf.not_valid_before_utc.isoformat()} on, "
                f"the clock says {now.isoformat()}; check the clock"
            )
        soon = ", soon" if ends - now < EXPIRES_SOON else ""
        return f"{what} is valid until {ends.isoformat()}{soon}"

    return probe


def turning(what: str, loop: Callable[[], asyncio.AbstractEventLoop | None]) -> Probe:
    """An event loop runs what is given to it."""

    async def nothing() -> None:
        pass

    def probe() -> str:
        running = loop()
        if running is None or running.is_closed():
            raise Unhealthy(f"{what} do not run; see the log for why they ended")
        waiting = asyncio.run_coroutine_threadsafe(nothing(), running)
        try:
            waiting.result(LOOP_TIMEOUT_S)
        except TimeoutError:
            waiting.cancel()
            raise Unhealthy(
                f"{what} have not turned for {LOOP_TIMEOUT_S:g} s: something holds their loop"
            ) from None
        return f"{what} run"

    return probe
