"""A local profile server that is an app of the node it decides for."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support import netns
from support.netns import until
from support.network_node import TABLE, NetworkNode, app, interface, network

from eaves.evapi.profile import LOCAL_PROFILE, LocalProfile
from eaves.node.local.client import PORT, NoAnswer, Server, Told, ask
from eaves.node.network.items import Vif
from eaves.node.refs import netns_name

pytestmark = pytest.mark.host

NI = "11111111-0000-4000-8000-000000000001"
LPS = app(241, "lps", interface(NI))
SERVES = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = bytes.fromhex(sys.argv[1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.HTTPServer(("0.0.0.0", int(sys.argv[2])), Answer).serve_forever()
"""


@pytest.fixture
def uplink() -> Iterator[netns.Uplink]:
    with netns.node_behind_uplink() as uplink, netns.inside(uplink.node):
        yield uplink


@pytest.fixture
async def address(uplink: netns.Uplink) -> AsyncIterator[str]:
    """Of the app, which serves a profile and has no entry in its access list."""
    run_dir = Path(f"/run/{uplink.node}")
    node = NetworkNode(run_dir)
    body = LOCAL_PROFILE.encode(LocalProfile(local_profile="night", server_token="right"))
    try:
        await node.bring([network(NI, "10.77.0.0/24")], (LPS,))
        server = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", netns_name(TABLE, LPS.number)),
            *(sys.executable, "-c", SERVES, body.hex(), str(PORT)),
        )
        try:
            vif = next(i for i in node.items if isinstance(i, Vif))
            yield vif.address.partition("/")[0]
        finally:
            server.kill()
            await server.wait()
    finally:
        await node.tear_down()
        shutil.rmtree(run_dir, ignore_errors=True)


async def test_the_node_reaches_it_through_its_network_instance(address: str) -> None:
    async def answered() -> bool:
        return not isinstance(await ask(Server(address, "right"), "x", LOCAL_PROFILE), NoAnswer)

    await until(answered)
    reply = await ask(Server(address, "right"), "local_profile", LOCAL_PROFILE)
    assert isinstance(reply, Told)
    assert reply.message.local_profile == "night"
    refused = await ask(Server(address, "wrong"), "local_profile", LOCAL_PROFILE)
    assert isinstance(refused, NoAnswer)
    assert "token" in refused.why
