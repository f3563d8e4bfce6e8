"""A process that brings up the network of a test and waits to be killed."""

import asyncio
import signal
import sys
from pathlib import Path

from support.network_node import NetworkNode, ace, app, interface, network, port_map

NI = "11111111-0000-4000-8000-000000000001"


async def main() -> None:
    a, b = (int(n) for n in sys.argv[2].split(","))
    apps = [
        app(a, "shop", interface(NI, port_map(1, 8080, 80), ace(2, host="example.test"))),
        app(b, "desk", interface(NI, ace(1, eidset=""))),
    ]
    await NetworkNode(Path(sys.argv[1])).bring([network(NI, "10.77.0.0/24")], apps)
    sys.stdout.write("settled\n")
    sys.stdout.flush()
    signal.pause()


asyncio.run(main())
