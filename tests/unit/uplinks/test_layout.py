"""The commands that lead from what is there to what should be, and none when it is."""

from dataclasses import replace

from support.ports import plan

from eaves.evapi.evecommon import BondMode
from eaves.node.uplinks.layout import (
    Kernel,
    KernelLink,
    Layout,
    NewBond,
    NewVlan,
    Port,
    Route,
    Rule,
    first_lines,
    last_lines,
)
from eaves.node.uplinks.model import Bond, PortPlan, Vlan
from eaves.node.uplinks.seen import Wanted

ONE = Wanted(("10.1.0.5/24",), ("10.1.0.1",))
TWO = Wanted(("10.2.0.5/24",), ("10.2.0.1",))
ETH0 = KernelLink("eth0", 2, up=True)
ETH1 = KernelLink("eth1", 3, up=True)
LINKS = {"eth0": ETH0, "eth1": ETH1}


def layout(*ports: Port, managed: tuple[str, ...] = ("eth0", "eth1")) -> Layout:
    return Layout("eaves-t", frozenset(managed), ports)


def port(label: str, wanted: Wanted, cost: int = 0) -> Port:
    return Port(plan(label, cost=cost), label, wanted)


BOTH = layout(port("eth0", ONE), port("eth1", TWO, 1))
ROUTES = frozenset(
    {
        Route(502, "10.1.0.0/24", "", "eth0"),
        Route(502, "default", "10.1.0.1", "eth0"),
        Route(254, "default", "10.1.0.1", "eth0", 5000),
        Route(503, "10.2.0.0/24", "", "eth1"),
        Route(503, "default", "10.2.0.1", "eth1"),
        Route(254, "default", "10.2.0.1", "eth1", 5001),
    }
)
RULES = frozenset({Rule("10.1.0.5", 502), Rule("10.2.0.5", 503)})
ADDRESSES = {"eth0": ("10.1.0.5/24",), "eth1": ("10.2.0.5/24",)}
DONE = Kernel(LINKS, ADDRESSES, ROUTES, RULES)


def test_each_port_gets_a_table_and_a_rule_of_its_own() -> None:
    lines = last_lines(BOTH, Kernel(LINKS))
    assert lines[:2] == (
        "address replace 10.1.0.5/24 dev eth0",
        "address replace 10.2.0.5/24 dev eth1",
    )
    assert "rule add pref 15000 from 10.1.0.5 lookup 502 protocol 145" in lines
    assert "route replace default via 10.2.0.1 dev eth1 table 503 proto 145" in lines
    assert "route replace default via 10.2.0.1 dev eth1 table 254 metric 5001 proto 145" in lines
    subnets = [n for n, line in enumerate(lines) if "route replace 10." in line]
    defaults = [n for n, line in enumerate(lines) if "route replace default" in line]
    assert max(subnets) < min(defaults)


def test_what_is_as_it_should_be_is_left_alone() -> None:
    assert first_lines(BOTH, DONE) == last_lines(BOTH, DONE) == ()


def test_a_new_address_is_there_before_the_old_one_goes() -> None:
    other = replace(ONE, addresses=("10.1.0.9/24",))
    lines = last_lines(layout(port("eth0", other), port("eth1", TWO, 1)), DONE)
    assert lines == (
        "address replace 10.1.0.9/24 dev eth0",
        "rule add pref 15000 from 10.1.0.9 lookup 502 protocol 145",
        "rule delete pref 15000 from 10.1.0.5 lookup 502 protocol 145",
        "address delete 10.1.0.5/24 dev eth0",
    )


def test_an_interface_of_the_host_is_never_named() -> None:
    mine = layout(port("eth0", ONE), port("eth1", TWO), managed=("eth1",))
    lines = (*first_lines(mine, Kernel(LINKS)), *last_lines(mine, Kernel(LINKS)))
    assert lines
    assert not any("eth0" in line for line in lines)


def test_a_vlan_on_a_bond_is_made_from_the_bottom_up() -> None:
    bond = Bond("pair", "bond0", ("a", "b"), BondMode.BOND_MODE_ACTIVE_BACKUP, mii_interval=100)
    vlan = Vlan("office", "office5", "pair", 5)
    wished = Layout(
        "eaves-t",
        frozenset({"eth0", "eth1"}),
        (Port(PortPlan("office", "office", management=True), "office5", ONE),),
        (NewVlan(vlan, "bond0"),),
        (NewBond(bond, ("eth0", "eth1")),),
    )
    lines = first_lines(wished, Kernel(LINKS))
    assert lines == (
        "link add bond0 type bond mode active-backup miimon 100",
        "link set bond0 alias eaves-t",
        "link set eth0 down",
        "link set eth0 master bond0",
        "link set eth0 up",
        "link set eth1 down",
        "link set eth1 master bond0",
        "link set eth1 up",
        "link set bond0 type bond primary eth0",
        "link set bond0 up",
        "link add link bond0 name office5 type vlan id 5",
        "link set office5 alias eaves-t",
        "link set office5 up",
    )


def test_a_link_that_we_made_and_nobody_wants_goes_and_no_other() -> None:
    ours = KernelLink("office5", 9, "vlan", parent="eth0", vlan=5, up=True, alias="eaves-t")
    others = KernelLink("host7", 10, "vlan", parent="eth0", vlan=7, up=True)
    kernel = replace(DONE, links={**LINKS, "office5": ours, "host7": others})
    assert first_lines(BOTH, kernel) == ("link delete office5",)


def test_a_vlan_of_another_number_is_made_anew() -> None:
    ours = KernelLink("office5", 9, "vlan", parent="eth0", vlan=6, up=True, alias="eaves-t")
    wished = Layout(
        "eaves-t",
        frozenset({"eth0"}),
        (),
        (NewVlan(Vlan("office", "office5", "eth0", 5), "eth0"),),
    )
    assert first_lines(wished, Kernel({**LINKS, "office5": ours})) == (
        "link delete office5",
        "link add link eth0 name office5 type vlan id 5",
        "link set office5 alias eaves-t",
    )


PAIR = Bond("pair", "bond0", ("a", "b"), BondMode.BOND_MODE_ACTIVE_BACKUP, mii_interval=100)
BOND0 = KernelLink("bond0", 8, "bond", up=True, alias="eaves-t")
OFFICE5 = KernelLink("office5", 9, "vlan", parent="bond0", vlan=5, up=True, alias="eaves-t")
BONDED = Kernel(
    {
        "eth0": replace(ETH0, master="bond0"),
        "eth1": replace(ETH1, master="bond0"),
        "bond0": BOND0,
        "office5": OFFICE5,
    }
)


def test_a_bond_goes_after_its_vlans_and_its_members_are_brought_up_again() -> None:
    """The kernel takes the VLANs of a bond along, and its members down."""
    wished = layout(port("eth0", ONE))
    assert first_lines(wished, BONDED) == (
        "link delete office5",
        "link delete bond0",
        "link set eth0 up",
    )


def test_a_member_that_becomes_a_port_leaves_its_bond() -> None:
    wished = replace(layout(port("eth1", TWO)), bonds=(NewBond(PAIR, ("eth0",)),))
    kernel = replace(BONDED, links={k: v for k, v in BONDED.links.items() if k != "office5"})
    assert first_lines(wished, kernel) == ("link set eth1 nomaster", "link set eth1 up")


def test_the_bridge_of_a_switch_keeps_its_port_and_its_mtu() -> None:
    bridge = KernelLink("bn1", 8, "bridge", up=True)
    kernel = Kernel({"eth0": replace(ETH0, master="bn1", mtu=1400), "bn1": bridge})
    long = replace(plan("eth0"), mtu=9000)
    assert first_lines(layout(Port(long, "eth0", Wanted())), kernel) == ()


def test_a_link_that_came_back_is_brought_up() -> None:
    kernel = Kernel({**LINKS, "eth1": replace(ETH1, index=9, up=False)})
    assert first_lines(BOTH, kernel) == ("link set eth1 up",)


def test_a_vlan_that_is_made_anew_is_brought_up_again() -> None:
    vlan = Vlan("office", "office5", "eth0", 6)
    wished = replace(
        layout(Port(PortPlan("office", "office", management=True), "office5", ONE)),
        vlans=(NewVlan(vlan, "eth0"),),
    )
    kernel = Kernel({**LINKS, "office5": replace(OFFICE5, parent="eth0")})
    assert first_lines(wished, kernel)[-1] == "link set office5 up"


def test_what_is_below_a_bond_or_a_vlan_keeps_no_address() -> None:
    wished = replace(
        layout(Port(PortPlan("office", "office", management=True), "office5", Wanted())),
        vlans=(NewVlan(Vlan("office", "office5", "pair", 5), "bond0"),),
        bonds=(NewBond(PAIR, ("eth0", "eth1")),),
    )
    held = replace(BONDED, addresses={"eth0": ("10.1.0.5/24",), "bond0": ("10.3.0.5/24",)})
    assert last_lines(wished, held) == (
        "address delete 10.1.0.5/24 dev eth0",
        "address delete 10.3.0.5/24 dev bond0",
    )


def test_what_is_below_a_vlan_and_a_port_itself_keeps_its_address() -> None:
    vlan = NewVlan(Vlan("office", "office5", "eth0", 5), "eth0")
    assert last_lines(replace(BOTH, vlans=(vlan,)), DONE) == ()


SIX = Wanted(
    ("10.1.0.5/24", "2001:db8:1::5/64"), ("10.1.0.1", "2001:db8:1::1"), ("2001:db8:1::53",)
)
ROUTES_6 = frozenset(
    {
        Route(502, "2001:db8:1::/64", "", "eth0", 1024),
        Route(502, "default", "2001:db8:1::1", "eth0", 1024),
        Route(254, "default", "2001:db8:1::1", "eth0", 5000),
    }
)
DUAL = layout(port("eth0", SIX), port("eth1", TWO, 1))
ANNOUNCED = "2001:db8:1::abcd/64"
DONE_6 = Kernel(
    LINKS,
    {"eth0": (*ADDRESSES["eth0"], "2001:db8:1::5/64", ANNOUNCED), "eth1": ADDRESSES["eth1"]},
    ROUTES | ROUTES_6,
    RULES | {Rule("2001:db8:1::5", 502)},
)


def test_ipv6_has_a_table_and_a_rule_too_and_lines_of_its_own() -> None:
    assert last_lines(DUAL, DONE, 4) == ()
    assert last_lines(DUAL, DONE, 6) == (
        "address replace 2001:db8:1::5/64 dev eth0",
        "route replace 2001:db8:1::/64 dev eth0 scope link table 502 metric 1024 proto 145",
        "route replace default via 2001:db8:1::1 dev eth0 table 254 metric 5000 proto 145",
        "route replace default via 2001:db8:1::1 dev eth0 table 502 metric 1024 proto 145",
        "rule add pref 15000 from 2001:db8:1::5 lookup 502 protocol 145",
    )
    assert last_lines(DUAL, DONE_6, 4) == last_lines(DUAL, DONE_6, 6) == ()


def test_an_ipv6_address_of_ours_goes_and_one_that_a_router_announced_stays() -> None:
    lines = last_lines(BOTH, DONE_6, 6)
    assert lines[-1] == "address delete 2001:db8:1::5/64 dev eth0"
    assert "rule delete pref 15000 from 2001:db8:1::5 lookup 502 protocol 145" in lines
    assert not any(ANNOUNCED in line for line in lines)
    assert last_lines(layout(port("eth1", TWO, 1)), DONE_6, 6)[-1] == lines[-1]  # no port any more
    assert last_lines(BOTH, DONE_6, 4) == ()
