"""A node's network as the rows of it want it: apps and network instances with long lists."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from support.network_node import NetworkNode, ace, app, interface, network

from eaves.evapi.config import ACE, NetworkInstanceConfig
from eaves.node.refs import AppInForce

APPS: Final = 50
NETWORKS: Final = 20
RULES: Final = 500  # of all apps together
_PORTS: Final = 2000  # the first remote port that a rule of a list names


def network_id(number: int) -> str:
    return f"11111111-0000-4000-8000-{number:012d}"


def rules(count: int) -> tuple[ACE, ...]:
    """None of them says the same as another."""
    return tuple(ace(n, protocol="tcp", fport=str(_PORTS + n)) for n in range(1, count + 1))


def site() -> tuple[list[NetworkInstanceConfig], list[AppInForce]]:
    networks = [network(network_id(n), f"10.{100 + n}.0.0/24") for n in range(NETWORKS)]
    of_one = rules(RULES // APPS)
    apps = [
        app(n + 1, f"app-{n}", interface(network_id(n % NETWORKS), *of_one)) for n in range(APPS)
    ]
    return networks, apps


def changed(apps: Sequence[AppInForce], times: int) -> list[AppInForce]:
    """The first app with one more rule, another one each time."""
    more = ace(9000 + times, protocol="tcp", fport=str(9000 + times))
    first = app(1, "app-0", interface(network_id(0), *rules(RULES // APPS), more))
    return [first, *itertools.islice(apps, 1, None)]


@asynccontextmanager
async def running(name: str) -> AsyncGenerator[NetworkNode]:
    """In the namespace that the thread is in; what it made is gone afterwards."""
    folder = Path(f"/run/{name}")
    node = NetworkNode(folder)
    try:
        yield node
    finally:
        await node.tear_down()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
