"""Where a name leads: resolved once, and only to where a tenant may send."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import Executor

from eaves.controller.domain.alerts.addresses import Network, first_allowed
from eaves.errors import Rejected, Transient


class NoAddress(Transient):
    """The name of a receiver leads nowhere now."""


class ForbiddenAddress(Rejected):
    """A receiver in a network that tenants may not send to."""


async def resolve(
    host: str, port: int, threads: Executor, *, allowed: Sequence[Network] | None
) -> str:
    """An address of `host` to connect to.  `allowed`: networks beside the public ones; None: any.

    Raises NoAddress, ForbiddenAddress.
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
            "may allow its network: EAVES_NOTIFY_NETWORKS"
        )
    return address


def _addresses(host: str, port: int) -> list[str]:
    """Blocks.  Raises OSError where there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not addresses:
        raise OSError("no address")
    return addresses
