"""The request that tests a way."""

from eaves.evapi.flows.steps import Reply, Send
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.node.comms.transport import Transport
from eaves.node.refs import Way
from eaves.node.uplinks.tester import Ping


def pinger(transport: Transport) -> Ping:
    send = Send(Endpoint.PING, "GET", endpoint_path(Endpoint.PING))

    async def ping(way: Way, timeout_s: float) -> Reply:
        return await transport.over(send, way, timeout_s)

    return ping
