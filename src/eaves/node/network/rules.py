"""Items -> nftables programs.  Pure.  The rules and where they stand:

    from an app   bridge prerouting  guard: only its own MAC and address, IPv4 and ARP
                  inet prerouting -150, before routing and translation: DHCP and DNS, limits,
                  replies, then the list of the sender
                  inet prerouting -100: port maps, from outside and from bridges (hairpin)
    to the node   inet input: DHCP, DNS and ping of its gateway, and replies; no list opens more
    towards it    inet forward, after translation: limits, replies, then the list of the receiver
    leaving       inet postrouting: source translation to the port, or to the bridge for a hairpin

Bridge ports are isolated and the bridge answers ARP for its subnet, so traffic between two apps of
one network instance is routed: it passes both lists with full connection tracking, which the
bridge family has not everywhere.  IPv6 is not offered by a local network instance and is dropped.
"""

import hashlib

from eaves.node.network.items import Ace, Action, AppFirewall, Nat, NftBase
from eaves.node.network.nftlang import (
    Chain,
    Container,
    Counter,
    Element,
    Hook,
    Lookup,
    Match,
    Over,
    Part,
    Program,
    Rule,
    Translate,
    Verdict,
)

ACCEPT, DROP, RETURN = Verdict("accept"), Verdict("drop"), Verdict("return")
REPLIES = Rule((Match("ct state", ("established", "related")), ACCEPT))
SENDER, RECEIVER = "iifname . ip saddr", "oifname . ip daddr"
TO_GATEWAY = Match("iifname . ip daddr", "@gateways")
DHCP_AND_DNS = (
    Rule((Match("ip daddr", "255.255.255.255"), Match("udp dport", 67), ACCEPT)),
    Rule((TO_GATEWAY, Match("udp dport", (53, 67)), ACCEPT)),
    Rule((TO_GATEWAY, Match("tcp dport", 53), ACCEPT)),
)
OUTSIDE_PORT = "iifname . ip daddr . meta l4proto . th dport"


def base_programs(item: NftBase) -> tuple[Program, ...]:
    pair = ("ifname", "ipv4_addr")
    containers = (
        Container("bridges", ("ifname",)),
        Container("gateways", pair),
        Container("tx-of", pair, verdicts=True),
        Container("rx-of", pair, verdicts=True),
        Container("tx-limit-of", pair, verdicts=True),
        Container("rx-limit-of", pair, verdicts=True),
        Container("to-of", ("ifname",), verdicts=True),
        Container("from-of", ("ifname",), verdicts=True),
        Container("snat-of", ("ifname",), verdicts=True),
        Container("portmap-of", (*pair, "inet_proto", "inet_service"), verdicts=True),
    )
    chains = (
        Chain(
            "from-apps",
            (
                *DHCP_AND_DNS,
                Rule((Lookup(SENDER, "tx-limit-of"),)),
                REPLIES,
                Rule((Lookup(SENDER, "tx-of"),)),
                Rule((Counter(), DROP), "unknown-sender"),
            ),
        ),
        Chain(
            "sent",
            (Rule((Match("iifname", "@bridges"), Verdict("jump", "from-apps"))),),
            Hook("filter", "prerouting", -150),
        ),
        Chain(
            "portmaps",
            (Rule((Match("meta l4proto", ("tcp", "udp")), Lookup(OUTSIDE_PORT, "portmap-of"))),),
            Hook("nat", "prerouting", -100),
        ),
        Chain(
            "node-services",
            (
                REPLIES,
                *DHCP_AND_DNS,
                Rule((TO_GATEWAY, Match("icmp type", "echo-request"), ACCEPT)),
                Rule((Counter(), DROP), "no-service"),
            ),
        ),
        Chain(
            "to-host",
            (Rule((Match("iifname", "@bridges"), Verdict("jump", "node-services"))),),
            Hook("filter", "input", 0),
        ),
        Chain("forwarded", _forward_rules(item), Hook("filter", "forward", 0)),
        Chain(
            "leaving",
            (Rule((Lookup("iifname", "snat-of"),)),),
            Hook("nat", "postrouting", 100),
        ),
    )
    inet = Program("inet", item.table, chains, containers, owns_table=True)
    guard = Program(
        "bridge",
        item.table,
        (
            Chain(
                "guard",
                (Rule((Lookup("iifname", "guard-of"),)),),
                Hook("filter", "prerouting", -300),
            ),
        ),
        (Container("guard-of", ("ifname",), verdicts=True),),
        owns_table=True,
    )
    return (inet, guard)


def _forward_rules(item: NftBase) -> tuple[Rule, ...]:
    rules = (
        Rule((Lookup(RECEIVER, "rx-limit-of"),)),
        REPLIES,
        Rule((Lookup("oifname", "to-of"),)),
        Rule((Lookup("iifname", "from-of"),)),
        Rule((Match("iifname", "@bridges"), Counter(), DROP), "unknown-network"),
    )
    if not item.ports:
        return rules
    between = (Match("iifname", item.ports), Match("oifname", item.ports), Counter(), DROP)
    return (*rules, Rule(between, "between-ports"))


def host_set(bridge: str, host: str) -> str:
    """Name of the set that holds the addresses DNS gave for a domain."""
    return f"host-{bridge}-{hashlib.sha256(host.encode()).hexdigest()[:10]}"


def eid_set(bridge: str) -> str:
    return f"eids-{bridge}"


def nat_programs(item: Nat) -> tuple[Program, ...]:
    bridge = item.bridge
    to_app = Lookup(RECEIVER, "rx-of")
    translated = Match("ct status", "dnat")
    to_rules = [
        Rule((Match("iifname", bridge), to_app)),
        Rule((translated, to_app)),  # from outside, or from another network instance
        Rule((Counter(), DROP), "unasked"),
    ]
    from_rules = [Rule((Counter(), DROP), "no-way-out")]
    snat_rules = [Rule((Match("oifname", bridge), translated, Translate("snat", item.gateway)))]
    if item.ports:
        from_rules.insert(0, Rule((Match("oifname", item.ports), ACCEPT)))
        snat_rules.append(Rule((Match("oifname", item.ports), Translate("masquerade"))))
    eids = Container(eid_set(bridge), ("ipv4_addr",))
    hosts = tuple(Container(host_set(bridge, h), ("ipv4_addr",)) for h in item.hosts)
    elements = (
        Element("bridges", (bridge,)),
        Element("gateways", (bridge, item.gateway)),
        Element("to-of", (bridge,), f"to-{bridge}"),
        Element("from-of", (bridge,), f"from-{bridge}"),
        Element("snat-of", (bridge,), f"snat-{bridge}"),
        *(Element(eids.name, (address,)) for address in item.static_eids),
    )
    chains = (
        Chain(f"to-{bridge}", tuple(to_rules)),
        Chain(f"from-{bridge}", tuple(from_rules)),
        Chain(f"snat-{bridge}", tuple(snat_rules)),
    )
    return (Program("inet", item.table, chains, (eids, *hosts), elements),)


def firewall_programs(item: AppFirewall) -> tuple[Program, ...]:
    tx, rx = f"tx-{item.vif}", f"rx-{item.vif}"
    chains = [
        Chain(tx, (*_list(item, "tx"), Rule((Counter(), DROP), "default"))),
        Chain(rx, (*_list(item, "rx"), Rule((Counter(), DROP), "default"))),
    ]
    here = (item.bridge, item.address)
    elements = [
        Element("tx-of", here, tx),
        Element("rx-of", here, rx),
        Element(eid_set(item.bridge), (item.address,)),
    ]
    if any(ace.action is Action.LIMIT for ace in item.aces):
        # Limits count every packet, also those of connections that were let through before.
        for way in ("tx", "rx"):
            name = f"{way}-limit-{item.vif}"
            chains.append(Chain(name, _limits(item, way)))
            elements.append(Element(f"{way}-limit-of", here, name, "jump"))
    for ace in item.aces:
        if ace.action is not Action.PORTMAP:
            continue
        name = f"pm-{item.vif}-{ace.protocol}{ace.lport}"
        translate = Translate("dnat", item.address, ace.app_port)
        chains.append(Chain(name, (Rule((Match("meta l4proto", ace.protocol), translate)),)))
        elements += [
            Element("portmap-of", (ifname, address, ace.protocol, str(ace.lport)), name)
            for ifname in (*ace.ports, *item.portmaps_from)
            for address in ace.addresses
        ]
    inet = Program("inet", item.table, tuple(chains), (), tuple(elements))
    return (inet, _guard(item))


def _guard(item: AppFirewall) -> Program:
    name = f"guard-{item.vif}"
    unaddressed = Match("ip saddr", "0.0.0.0")
    rules = (
        Rule((Match("ether saddr", item.mac, "!="), Counter(), DROP), "foreign-mac"),
        Rule((Match("arp saddr ip", ("0.0.0.0", item.address)), ACCEPT)),
        Rule((Match("ip saddr", item.address), ACCEPT)),
        Rule((unaddressed, Match("udp dport", 67), ACCEPT)),
        Rule((Counter(), DROP), "foreign-address"),
    )
    return Program(
        "bridge",
        item.table,
        (Chain(name, rules),),
        (),
        (Element("guard-of", (item.vif,), name),),
    )


def _list(item: AppFirewall, way: str) -> tuple[Rule, ...]:
    """The list in order.  A limit lets pass here: its excess is dropped in the chain of limits."""
    rules: list[Rule] = []
    for ace in item.aces:
        matches = _matches(item, ace, way)
        if matches is None:
            continue
        verdict = DROP if ace.action is Action.DROP else ACCEPT
        rules.append(Rule((*matches, Counter(), verdict), f"ace={ace.number}"))
    return tuple(rules)


def _limits(item: AppFirewall, way: str) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for ace in item.aces:
        matches = _matches(item, ace, way)
        if matches is None:
            continue
        if ace.action is Action.LIMIT:
            over = Over(ace.rate, ace.unit, ace.burst)
            rules.append(Rule((*matches, over, Counter(), DROP), f"limit={ace.number}"))
        rules.append(Rule((*matches, RETURN)))
    return tuple(rules)


def _matches(item: AppFirewall, ace: Ace, way: str) -> tuple[Part, ...] | None:
    """None when the entry says nothing about this way, or about IPv4."""
    sending = way == "tx"
    portmap = ace.action is Action.PORTMAP
    if (portmap and sending) or ":" in ace.prefix:
        return None
    parts: list[Part] = []
    remote = "ip daddr" if sending else "ip saddr"
    if ace.prefix:
        whole = ace.prefix.removesuffix("/32")
        if whole != "0.0.0.0/0":
            parts.append(Match(remote, whole))
    elif ace.host:
        parts.append(Match(remote, f"@{host_set(item.bridge, ace.host)}"))
    elif ace.eidset:
        parts.append(Match(remote, f"@{eid_set(item.bridge)}"))
    if portmap:
        parts += [
            Match("ct status", "dnat"),
            Match(f"{ace.protocol} dport", ace.app_port),
            Match("ct original proto-dst", ace.lport),
        ]
    elif ace.lport:
        parts.append(Match(f"{ace.protocol} {'sport' if sending else 'dport'}", ace.lport))
    if ace.fport:
        parts.append(Match(f"{ace.protocol} {'dport' if sending else 'sport'}", ace.fport))
    if ace.protocol and not (portmap or ace.lport or ace.fport):
        protocol: str | int = int(ace.protocol) if ace.protocol.isdecimal() else ace.protocol
        parts.append(Match("meta l4proto", protocol))
    return tuple(parts)
