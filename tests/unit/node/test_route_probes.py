"""Rounds of probes move a route, and only as fast as they may."""

from dataclasses import dataclass, field, replace

from eaves.ids import NetworkInstanceId
from eaves.node.network.probing import USER_EVERY
from eaves.node.network.routing import EVERYWHERE, UserProbe, Wanted
from eaves.node.refs import Port
from eaves.node.runtime.route_probes import Probed, RouteProber

NI = NetworkInstanceId("ni")
PLACE = (NI, EVERYWHERE)


def port(name: str, third: int) -> Port:
    return Port(
        name,
        name,
        True,
        "02:00:00:00:00:01",
        1500,
        (f"192.0.{third}.10/24",),
        (f"192.0.{third}.1",),
        (),
        True,
    )


ONE, TWO = port("eth0", 2), port("eth1", 3)
WANTED = Wanted(EVERYWHERE, "", (ONE, TWO), ping_gateway=True)


@dataclass
class Net:
    """Answers by interface; writes down what was asked."""

    dead: set[str] = field(default_factory=set[str])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def ping(self, address: str, ifname: str, timeout_s: float) -> bool:
        self.asked.append((address, ifname))
        return ifname not in self.dead

    async def connect(self, host: str, port: int, ifname: str, timeout_s: float) -> bool:
        self.asked.append((f"{host}:{port}", ifname))
        return f"{host}@{ifname}" not in self.dead


async def rounds(prober: RouteProber, number: int) -> str:
    for _ in range(number):
        await prober.round()
    return prober.chosen[PLACE]


async def test_a_dead_gateway_moves_the_route_after_five_rounds_and_it_stays() -> None:
    net, moves = Net(), list[str]()
    prober = RouteProber(
        lambda: (Probed(NI, WANTED),), lambda: moves.append(prober.chosen[PLACE]), net
    )
    assert await rounds(prober, 3) == "eth0"
    net.dead.add("eth0")
    assert await rounds(prober, 4) == "eth0"
    assert await rounds(prober, 1) == "eth1"
    net.dead.clear()
    assert await rounds(prober, 10) == "eth1"  # nothing is better than what works
    assert moves == ["eth0", "eth1"]
    assert {ifname for address, ifname in net.asked if address == "192.0.3.1"} == {"eth1"}


async def test_what_the_configuration_names_is_asked_each_tenth_round() -> None:
    net = Net()
    wanted = replace(WANTED, ping_gateway=False, probe=UserProbe(tcp=True, host="a.test", port=443))
    prober = RouteProber(lambda: (Probed(NI, wanted),), lambda: None, net)
    await rounds(prober, USER_EVERY + 1)
    assert net.asked.count(("a.test:443", "eth0")) == 2


async def test_a_port_that_costs_more_than_allowed_is_not_asked() -> None:
    net = Net()
    wanted = replace(WANTED, ports=(ONE, replace(TWO, cost=5)))
    prober = RouteProber(lambda: (Probed(NI, wanted),), lambda: None, net)
    await rounds(prober, 1)
    assert {ifname for _, ifname in net.asked} == {"eth0"}


async def test_a_route_that_is_gone_is_forgotten() -> None:
    net = Net()
    routes: list[tuple[Probed, ...]] = [(Probed(NI, WANTED),)]
    prober = RouteProber(lambda: routes[-1], lambda: None, net)
    await rounds(prober, 1)
    routes.append(())
    await prober.round()
    assert prober.chosen == {}
