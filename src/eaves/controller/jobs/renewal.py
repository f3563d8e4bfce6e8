"""Certificates are renewed while the controller serves.

A new TLS certificate reaches the next connection by a reload of the listeners.  A new signing or
ECDH certificate is a change of every device's configuration: the hash of the published list stands
in it, so that devices hear of it at their next poll.  EVE API v2, section 5, "Rotation".
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.keys import KeyStore, Part, Renewed
from eaves.controller.keys.shared import renew_shared_keys
from eaves.controller.store.marks import ROTATE, clear_mark, find_mark
from eaves.controller.store.unit import snapshot, unit_of_work

log = structlog.get_logger()


async def rotate_if_asked(engine: AsyncEngine, keys: KeyStore, *, alone: bool) -> bool:
    """Exchange certificates that an operator asked for; True when the published list changed.

    The newest stay beside those that devices hold something of: see `KeyStore`.
    """
    async with snapshot(engine) as db:
        asked = await find_mark(db, ROTATE)
    if not asked:
        return False
    parts = frozenset(part for part in Part if part.value in asked.split())
    if alone:
        changed = await asyncio.to_thread(lambda: keys.adopt(keys.due(parts)))
    else:
        changed = await renew_shared_keys(engine, keys, parts)
    async with unit_of_work(engine) as db:
        await clear_mark(db, ROTATE, asked)
    log.info("certificates_rotated", parts=sorted(parts), hash=keys.controllercert_confighash)
    return changed


async def renew_certificates(
    keys: KeyStore,
    *,
    reload_listeners: Callable[[], None],
    publish_certificates: Callable[[], Awaitable[None]],
) -> Renewed:
    """One tick: renew what expires soon, tell whom it concerns."""
    renewed = await asyncio.to_thread(keys.renew)
    if renewed.tls:
        log.info("tls_certificate_renewed", certificate=str(keys.tls.certificate))
        reload_listeners()
    if renewed.signing:
        log.info("signing_certificates_renewed", hash=keys.controllercert_confighash)
        await publish_certificates()
    return renewed
