"""Whatever a configuration says, deciding raises nothing, and what is told stays in its place."""

import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.network_node import TABLE, allocations, app, device

from eaves.evapi.config import (
    ACE,
    ACEAction,
    ACEMatch,
    Adapter,
    NetworkAdapter,
    NetworkInstanceConfig,
    UUIDandVersion,
    ZNetworkInstType,
)
from eaves.evapi.evecommon import IpRange, Ipspec, ZnetStaticDNSEntry
from eaves.node.network.dhcp import conf_text, dhcp_host_line, hosts_line
from eaves.node.network.intent import intent
from eaves.node.network.items import DhcpDns, DhcpHost
from eaves.node.network.nftlang import load_commands
from eaves.node.network.programs import programs
from eaves.node.refs import Port

NETWORKS = ("11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002")
PIECES = (
    *("10.1.0.0/24", "10.1.0.9", "0.0.0.0/0", "fe80::1%eth0", "2001:db8::1/64", "::", "1.2.3"),
    *("a.test", "db", "tcp", "udp", "icmp", "80", "8080", "9" * 5000, "²", "٣", "-1", "1e3"),
    *("\ndhcp-script=/x\n", "\r", "\0", ",", "/", "#", "%", " ", ".", "é", "\u2028", "a" * 70),
    *("eth0", "uplink", "02:00:00:00:00:07", *NETWORKS),
)
hostile = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=3).map("".join),
    st.text(max_size=12),
)
number = st.sampled_from((0, 1, 80, 255, 1280, 1500, 65535, 65536, 2**31, 2**32 - 1))
matches = st.builds(
    ACEMatch,
    type=st.one_of(
        st.sampled_from(("ip", "host", "eidset", "protocol", "lport", "fport", "adapter")), hostile
    ),
    value=hostile,
)
actions = st.builds(
    ACEAction,
    drop=st.booleans(),
    limit=st.booleans(),
    limitrate=number,
    limitunit=st.one_of(st.just("s"), hostile),
    limitburst=number,
    portmap=st.booleans(),
    app_port=number,
)
aces = st.builds(
    ACE,
    id=number,
    name=hostile,
    matches=st.lists(matches, max_size=4).map(tuple),
    actions=st.lists(actions, max_size=2).map(tuple),
)
adapters = st.builds(
    NetworkAdapter,
    name=hostile,
    network_id=st.sampled_from((*NETWORKS, "gone")),
    addr=st.one_of(st.just(""), hostile),
    mac_address=st.one_of(st.just(""), hostile),
    acls=st.lists(aces, max_size=3).map(tuple),
)
specs = st.builds(
    Ipspec,
    subnet=st.one_of(st.sampled_from(("", "10.1.0.0/24", "10.2.0.0/24")), hostile),
    gateway=st.one_of(st.just(""), hostile),
    domain=hostile,
    ntp=hostile,
    more_ntp=st.lists(hostile, max_size=3).map(tuple),
    dns=st.lists(hostile, max_size=3).map(tuple),
    dhcp_range=st.one_of(st.none(), st.builds(IpRange, start=hostile, end=hostile)),
)
entries = st.builds(
    ZnetStaticDNSEntry, host_name=hostile, address=st.lists(hostile, max_size=2).map(tuple)
)
kinds = st.sampled_from(
    (ZNetworkInstType.ZnetInstLocal,) * 5 + (ZNetworkInstType.ZnetInstSwitch, ZNetworkInstType(99))
)
ports = st.builds(
    Port,
    logical_label=st.just("eth0"),
    ifname=st.just("eth0"),
    up=st.just(value=True),
    mac=st.just("02:00:00:00:00:01"),
    mtu=st.sampled_from((1280, 1500, 9000)),
    addresses=st.just(("192.0.2.10/24", "2001:db8::10/64")),
    gateways=st.just(("192.0.2.1",)),
    dns_servers=st.lists(hostile, max_size=2).map(tuple),
    management=st.just(value=True),
    labels=st.just(frozenset({"all", "uplink"})),
)


@st.composite
def network_instances(draw: st.DrawFn, ni: str) -> NetworkInstanceConfig:
    label = draw(st.one_of(st.sampled_from(("", "uplink")), hostile))
    return NetworkInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=ni, version=draw(hostile)),
        displayname=draw(hostile),
        inst_type=draw(kinds),
        activate=True,
        port=draw(st.sampled_from((None, Adapter(name=label)))),
        ip=draw(st.one_of(st.none(), specs)),
        dns=tuple(draw(st.lists(entries, max_size=3))),
        mtu=draw(number),
    )


def lines_of(item: DhcpDns) -> int:
    return len(conf_text(item, Path("/run/x"), "nobody").splitlines())


@settings(max_examples=1000)
@given(
    st.tuples(*(network_instances(ni) for ni in NETWORKS)),
    st.lists(st.tuples(hostile, st.lists(adapters, max_size=2)), max_size=2),
    ports,
)
def test_hostile_texts_are_refused_one_by_one(
    networks: tuple[NetworkInstanceConfig, ...],
    wanted: list[tuple[str, list[NetworkAdapter]]],
    port: Port,
) -> None:
    apps = tuple(app(n, name, *vifs) for n, (name, vifs) in enumerate(wanted, 1))
    config = device(networks, apps)
    items, refusals = intent(
        config,
        apps,
        allocations(config, apps),
        (port,),
        containers={a.app for a in apps},
        table=TABLE,
    )
    assert all(refusals.values())
    for item in items:
        for program in programs(item):
            assert "\n" not in "".join(c.name for c in program.chains + program.containers)
            json.dumps(load_commands(program, frozenset()))
        if isinstance(item, DhcpDns):
            bare = replace(item, domain="", entries=(), ntp=(), upstreams=(), hosts=())
            more = 3 * bool(item.domain) + bool(item.ntp)
            more += len(item.entries) + len(item.upstreams) + len(item.hosts)
            assert lines_of(item) == lines_of(bare) + more
        if isinstance(item, DhcpHost):
            assert dhcp_host_line(item).count("\n") == 1
            assert hosts_line(item).count("\n") <= 1
