"""Certificates are renewed while the controller serves.

A new TLS certificate reaches the next connection by a reload of the listeners.  A new signing or
ECDH certificate is a change of every device's configuration: the hash of the published list stands
in it, so that devices hear of it at their next poll.  EVE API v2, section 5, "Rotation".
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from eaves.controller.keys import KeyStore, Renewed

log = structlog.get_logger()


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
