"""Where a name that a tenant chose leads: resolved once, and only to where tenants may send."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import cache
from typing import Final

from eaves.controller.domain.alerts.addresses import Network, first_allowed
from eaves.errors import Rejected, Transient

NOTIFY: Final = "EAVES_NOTIFY_NETWORKS"


class NoAddress(Transient):
    """The name of a receiver leads nowhere now."""


class ForbiddenAddress(Rejected):
    """A receiver in a network that tenants may not send to."""


async def resolve(
    host: str,
    port: int,
    threads: Executor,
    *,
    allowed: Sequence[Network] | None,
    setting: str = NOTIFY,
) -> str:
    """An address of `host` to connect to.

    `threads`: looking a name up blocks one of them.  `allowed`: networks beside the public ones, as
    `setting` names them; None: any.  Raises NoAddress, ForbiddenAddress.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(threads, _addresses, host, port)
    except (OSError, UnicodeError) as error:
        raise NoAddress(f"{host}: {error}; check the name") from error
    if allowed is None:
        return found[0]
    address = first_allowed(found, allowed)
    if address is None:
        raise ForbiddenAddress(
            f"{host} is {', '.join(found[:4])}, which is not public; whoever runs the controller "
            f"may allow its network: {setting}"
        )
    return address


def _addresses(host: str, port: int) -> list[str]:
    """Blocks.  Raises OSError where there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not addresses:
        raise OSError("no address")
    return addresses


@cache
def public_roots() -> ssl.SSLContext:
    """Reading them takes longer than a request."""
    return ssl.create_default_context()
