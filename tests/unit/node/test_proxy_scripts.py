"""Proxy scripts are run by a real interpreter that can do nothing else, and fetched where told."""

from dataclasses import replace

import pytest
from aiohttp import web
from support.ports import seen_port

from eaves.node.host.scripts import ScriptFailed, run_script
from eaves.node.uplinks.autoproxy import AutoProxy
from eaves.node.uplinks.model import ProxyPlan
from eaves.node.uplinks.proxies import ProxyUnusable, answer_of, program
from eaves.node.uplinks.seen import SeenPort

PAC = """
function FindProxyForURL(url, host) {
  if (isPlainHostName(host) || dnsDomainIs(host, '.inside.test')) { return 'DIRECT'; }
  if (shExpMatch(url, 'https://controller.*')) { return 'PROXY proxy.test:3128; DIRECT'; }
  if (isInNet(host, '10.0.0.0', '255.0.0.0')) { return 'PROXY ten.test:80'; }
  return 'HTTPS ' + myIpAddress().replace(/[.]/g, '-') + '.test:443';
}
"""


def port(plan: ProxyPlan) -> SeenPort:
    made = replace(seen_port("eth0", dns=()), host_resolves=True)
    return replace(made, plan=replace(made.plan, proxy=plan))


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://controller.test/api", "http://proxy.test:3128"),
        ("https://files.inside.test/x", ""),
        ("http://10.1.2.3/file", "http://ten.test:80"),
        ("http://192.0.2.9/file", "https://192-0-2-7.test:443"),
    ],
)
async def test_a_script_chooses_the_proxy_of_a_url(url: str, proxy: str) -> None:
    chooser = AutoProxy(lambda: 0.0)
    assert await chooser.choose(port(ProxyPlan(pac=PAC)), url) == proxy


async def test_a_script_is_fetched_where_the_network_says_once() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.remote or "")
        return web.Response(text=PAC)

    app = web.Application()
    app.router.add_get("/proxy.pac", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    number = site.port
    try:
        plan = ProxyPlan(automatic=True, pac_url=f"http://127.0.0.1:{number}/proxy.pac")
        chooser, used = AutoProxy(lambda: 0.0), port(plan)
        for _ in range(2):
            found = await chooser.choose(used, "https://controller.test/api")
            assert found == "http://proxy.test:3128"
        assert await chooser.choose(used, "https://files.inside.test/x") == ""
    finally:
        await runner.cleanup()
    assert len(asked) == 1


@pytest.mark.parametrize("script", ["this is no script", "function Other() {}", "throw 'x';"])
async def test_a_script_that_does_not_work_is_an_error_of_the_port(script: str) -> None:
    with pytest.raises(ScriptFailed, match="the PAC file failed"):
        await AutoProxy(lambda: 0.0).choose(port(ProxyPlan(pac=script)), "https://one.test/")


async def test_a_script_without_end_is_ended() -> None:
    with pytest.raises(ScriptFailed):
        await run_script("for (;;) {}")


async def test_a_script_has_no_way_to_the_machine() -> None:
    names = "['require', 'process', 'readFile', 'writeFile', 'XMLHttpRequest', 'fetch', 'load']"
    script = f"function FindProxyForURL() {{ return {names}.filter(there).join(' ') || 'DIRECT'; }}"
    there = "function there(n) { return typeof this[n] !== 'undefined'; }"
    said = answer_of(await run_script(program(f"{there}\n{script}", "http://a.test/", "", {})))
    assert said == "DIRECT"


async def test_an_answer_that_nobody_can_follow_is_told() -> None:
    socks = "function FindProxyForURL() { return 'SOCKS5 x.test:1080'; }"
    with pytest.raises(ProxyUnusable, match="SOCKS5"):
        await AutoProxy(lambda: 0.0).choose(port(ProxyPlan(pac=socks)), "https://one.test/")
