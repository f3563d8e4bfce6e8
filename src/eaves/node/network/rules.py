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

Each packet costs what is looked at until it is let through, so that is little, unless an entry
somewhere limits a rate or replies have to find their way back:

    guard     one lookup of interface, MAC and address
    sent      is it of a connection that is established?  Where nobody replies, as often with UDP,
              none ever is: a long list finds the entry that let the first packet pass by the mark
              of the connection, and counts there
    forward   what the kernel knows of the connection: one that both sides have used, or whose first
              datagram left by a port, passed all lists when it began.  Handshakes of TCP are never
              among them: their segments have to fit the path

Every rule counts into an object of its own name, which outlives the rule: replacing a list loses
no packet.  The first packet of a connection gets the mark of the entry that let it pass (`marks`);
where flows are logged, a packet that is dropped is shown to the listener, so many of each interface
and second, and counted always.
"""

import hashlib

from eaves.node.network.items import Ace, Action, AppFirewall, Nat, NftBase
from eaves.node.network.marks import NAMES, entry_of, log_group, log_prefix, mark_of
from eaves.node.network.nftlang import (
    Chain,
    ClampMss,
    Container,
    Counter,
    Element,
    Hook,
    Log,
    Lookup,
    Match,
    Over,
    Part,
    Program,
    Refresh,
    Rule,
    Set,
    Translate,
    Verdict,
    Within,
)

ACCEPT, DROP, RETURN = Verdict("accept"), Verdict("drop"), Verdict("return")
METADATA = "169.254.169.254"
METADATA_PORT = 8169  # of the node, behind port 80 of that address
LOGGED_BYTES, ANSWER_BYTES = 64, 1024  # of a packet: its headers; an answer from DNS
LOGGED_A_SECOND, LOGGED_AT_ONCE = 20, 100  # dropped packets of one interface and way
ANSWERS_A_SECOND, ANSWERS_AT_ONCE = 200, 500
LONG_LIST = 16  # entries; a shorter list is gone through as fast
HOST_TIMEOUT_S = 6 * 3600  # longer than an answer is believed; each new connection begins it anew
REPLIES = Rule((Match("ct state", ("established", "related")), ACCEPT))
SENDER, RECEIVER = "iifname . ip saddr", "oifname . ip daddr"
KNOWN_OF_SENDER = Rule((Lookup("ct mark", "known-tx"),))
KNOWN_OF_RECEIVER = Rule((Lookup("ct mark", "known-rx"),))
# Only a port translates the sender alone: a port map translates the receiver, a hairpin both.
LEFT = Rule((Match("meta l4proto", "udp"), Match("ct status & 48", 16), ACCEPT))
ASSURED = Rule((Match("ct status", "assured"), ACCEPT))
GUARDED = Rule((Match("iifname . ether saddr . ip saddr", "@guarded"), ACCEPT))
TO_GATEWAY = Match("iifname . ip daddr", "@gateways")
DHCP_AND_DNS = (
    Rule((Match("ip daddr", "255.255.255.255"), Match("udp dport", 67), ACCEPT)),
    Rule((TO_GATEWAY, Match("udp dport", (53, 67)), ACCEPT)),
    Rule((TO_GATEWAY, Match("tcp dport", 53), ACCEPT)),
)
ASKS_METADATA = Rule((Match("ip daddr", METADATA), Match("tcp dport", 80), ACCEPT))
ASKED_METADATA = Rule(
    (
        Match("ct original ip daddr", METADATA),
        Match("tcp dport", METADATA_PORT),
        Match("ct original proto-dst", 80),  # a port once the protocol is known
        ACCEPT,
    )
)
BEGINS = Match("tcp flags & 6", 2)
OUTSIDE_PORT = "iifname . ip daddr . meta l4proto . th dport"


def base_programs(item: NftBase) -> tuple[Program, ...]:
    inet = Program("inet", item.table, _base_chains(item), _base_containers(), owns_table=True)
    guard = Program(
        "bridge",
        item.table,
        (
            Chain(
                "guard",
                (GUARDED, Rule((Lookup("iifname", "guard-of"),))),
                Hook("filter", "prerouting", -300),
            ),
        ),
        (
            Container("guarded", ("ifname", "ether_addr", "ipv4_addr")),
            Container("guard-of", ("ifname",), verdicts=True),
        ),
        owns_table=True,
    )
    return (inet, guard)


def _base_containers() -> tuple[Container, ...]:
    pair = ("ifname", "ipv4_addr")
    return (
        Container("bridges", ("ifname",)),
        Container("gateways", pair),
        Container("tx-of", pair, verdicts=True),
        Container("rx-of", pair, verdicts=True),
        Container("tx-limit-of", pair, verdicts=True),
        Container("rx-limit-of", pair, verdicts=True),
        Container("to-of", ("ifname",), verdicts=True),
        Container("from-of", ("ifname",), verdicts=True),
        Container("snat-of", ("ifname",), verdicts=True),
        Container("known-tx", ("mark",), verdicts=True),
        Container("known-rx", ("mark",), verdicts=True),
        Container("leaves", ("ifname", "ifname")),
        Container("portmap-of", (*pair, "inet_proto", "inet_service"), verdicts=True),
        Container("way-of", ("ifname",), verdicts=True),
        Container("flow-logged", ("ifname",)),
    )


def _base_chains(item: NftBase) -> tuple[Chain, ...]:
    return (
        Chain(
            "from-apps",
            (
                *DHCP_AND_DNS,
                ASKS_METADATA,
                Rule((Lookup(SENDER, "tx-limit-of"),)),
                REPLIES,
                *((KNOWN_OF_SENDER,) if item.each_packet else ()),
                Rule((Lookup(SENDER, "tx-of"),)),
                _refused("from-apps", "unknown-sender"),
            ),
        ),
        Chain(
            "sent",
            (
                *_first_of_sent(item),
                Rule((Match("iifname", "@bridges"), Verdict("jump", "from-apps"))),
            ),
            Hook("filter", "prerouting", -150),
        ),
        Chain(
            "portmaps",
            (
                Rule((Match("meta l4proto", ("tcp", "udp")), Lookup(OUTSIDE_PORT, "portmap-of"))),
                Rule(
                    (
                        Match("iifname", "@bridges"),
                        Match("ip daddr", METADATA),
                        Match("tcp dport", 80),
                        Translate("redirect", port=METADATA_PORT),
                    )
                ),
            ),
            Hook("nat", "prerouting", -100),
        ),
        Chain(
            "node-services",
            (
                REPLIES,
                *DHCP_AND_DNS,
                ASKED_METADATA,
                Rule((TO_GATEWAY, Match("icmp type", "echo-request"), ACCEPT)),
                _refused("node-services", "no-service"),
            ),
        ),
        Chain(
            "to-host",
            (Rule((Match("iifname", "@bridges"), Verdict("jump", "node-services"))),),
            Hook("filter", "input", 0),
        ),
        Chain("answers", (_answers(item.table),), Hook("filter", "output", 0)),
        Chain("forwarded", _forward_rules(item), Hook("filter", "forward", 0)),
        Chain(
            "leaving",
            (Rule((Lookup("iifname", "snat-of"),)),),
            Hook("nat", "postrouting", 100),
        ),
        *((_clamping(),) if item.clamp_mss else ()),
    )


def _first_of_sent(item: NftBase) -> tuple[Rule, ...]:
    if item.each_packet:
        return (Rule((Lookup("iifname", "way-of"),)),)
    return (REPLIES, KNOWN_OF_SENDER)


def _refused(chain: str, label: str) -> Rule:
    return Rule((Counter(counter_name(chain, label)), DROP), label)


def counter_name(chain: str, label: str) -> str:
    """Unique in a table; nft reads it back, so it holds no `=`."""
    return f"{chain}/{label.replace('=', '-')}"


def _answers(table: str) -> Rule:
    """What apps are told of names, for the log of flows."""
    return Rule(
        (
            Match("oifname", "@flow-logged"),
            Match("udp sport", 53),
            Within(ANSWERS_A_SECOND, "second", ANSWERS_AT_ONCE),
            Log(log_group(table), NAMES, ANSWER_BYTES),
        )
    )


def _clamping() -> Chain:
    """TCP of apps fits the path, also where messages about its MTU are lost."""
    return Chain(
        "segments",
        (
            Rule((BEGINS, Match("iifname", "@bridges"), ClampMss())),
            Rule((BEGINS, Match("oifname", "@bridges"), ClampMss())),
        ),
    )


def _forward_rules(item: NftBase) -> tuple[Rule, ...]:
    label = "unknown-network"
    counted = Counter(counter_name("forwarded", label))
    rules = (
        *(() if item.each_packet else (LEFT, ASSURED)),
        *((Rule((BEGINS, Verdict("jump", "segments"))),) if item.clamp_mss else ()),
        *((Rule((Lookup(RECEIVER, "rx-limit-of"),)),) if item.each_packet else ()),
        REPLIES,
        Rule((Match("iifname . oifname", "@leaves"), ACCEPT)),
        KNOWN_OF_RECEIVER,
        Rule((Lookup("oifname", "to-of"),)),
        Rule((Lookup("iifname", "from-of"),)),
        Rule((Match("iifname", "@bridges"), counted, DROP), label),
    )
    if not item.ports:
        return rules
    ways = (Match("iifname", item.ports), Match("oifname", item.ports))
    return (*rules, Rule((*ways, *_refused("forwarded", "between-ports").parts), "between-ports"))


def host_set(bridge: str, host: str) -> str:
    """Name of the set that holds the addresses DNS gave for a domain."""
    return f"dns-{bridge}-{hashlib.sha256(host.encode()).hexdigest()[:10]}"


def eid_set(bridge: str) -> str:
    return f"eids-{bridge}"


def nat_programs(item: Nat) -> tuple[Program, ...]:
    bridge = item.bridge
    to_app = Lookup(RECEIVER, "rx-of")
    translated = Match("ct status", "dnat")
    to_rules = [
        Rule((Match("iifname", bridge), to_app)),
        Rule((translated, to_app)),  # from outside, or from another network instance
        _refused(f"to-{bridge}", "unasked"),
    ]
    from_rules = [_refused(f"from-{bridge}", "no-way-out")]
    snat_rules = [Rule((Match("oifname", bridge), translated, Translate("snat", item.gateway)))]
    if item.ports:
        snat_rules.append(Rule((Match("oifname", item.ports), Translate("masquerade"))))
    eids = Container(eid_set(bridge), ("ipv4_addr",))
    hosts = tuple(
        Container(host_set(bridge, h), ("ipv4_addr",), timeout_s=HOST_TIMEOUT_S) for h in item.hosts
    )
    elements = (
        Element("bridges", (bridge,)),
        Element("gateways", (bridge, item.gateway)),
        Element("to-of", (bridge,), f"to-{bridge}"),
        Element("from-of", (bridge,), f"from-{bridge}"),
        *(Element("leaves", (bridge, port)) for port in item.ports),
        Element("snat-of", (bridge,), f"snat-{bridge}"),
        *((Element("flow-logged", (bridge,)),) if item.flow_log else ()),
        *((Element("way-of", (bridge,), f"way-{bridge}", "jump"),) if item.ways else ()),
        *(Element(eids.name, (address,)) for address in item.static_eids),
    )
    chains = (
        Chain(f"to-{bridge}", tuple(to_rules)),
        Chain(f"from-{bridge}", tuple(from_rules)),
        Chain(f"snat-{bridge}", tuple(snat_rules)),
        *((Chain(f"way-{bridge}", _ways(item)),) if item.ways else ()),
    )
    return (Program("inet", item.table, chains, (eids, *hosts), elements),)


def _ways(item: Nat) -> tuple[Rule, ...]:
    """A reply leaves by the port that was asked, not by the one that is preferred now."""
    return tuple(
        Rule(
            (
                Match("ct direction", "reply"),
                Match("ct original ip daddr", address),
                Set("meta mark", way.mark),
            )
        )
        for way in item.ways
        for address in way.addresses
    )


def firewall_programs(item: AppFirewall) -> tuple[Program, ...]:
    tx, rx = f"tx-{item.vif}", f"rx-{item.vif}"
    chains = [
        Chain(tx, (*_list(item, "tx"), *_drops(item, "tx", (), 0))),
        Chain(rx, (*_list(item, "rx"), *_drops(item, "rx", (), 0))),
    ]
    here = (item.bridge, item.address)
    elements = [
        Element("tx-of", here, tx),
        Element("rx-of", here, rx),
        Element(eid_set(item.bridge), (item.address,)),
    ]
    for way in ("tx", "rx"):
        decided = _decided(item, way)
        chains += decided[0]
        elements += decided[1]
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


def _decided(item: AppFirewall, way: str) -> tuple[tuple[Chain, ...], tuple[Element, ...]]:
    """The entries of a long list by what they leave in the mark of a connection.

    Two entries with the same mark, also on two interfaces, are told apart by the lists only.
    """
    passing = [
        ace
        for ace in item.aces
        if ace.action is not Action.DROP and _matches(item, ace, way) is not None
    ]
    if len(passing) < LONG_LIST:
        return (), ()
    numbers: dict[int, set[int]] = {}
    for ace in passing:
        numbers.setdefault(entry_of(ace.number), set()).add(ace.number)
    chains: list[Chain] = []
    elements: list[Element] = []
    for entry, (number, *others) in numbers.items():
        if not others and entry not in item.elsewhere:
            name = f"decided-{way}-{item.vif}-{number}"
            counted = Counter(counter_name(f"{way}-{item.vif}", f"ace={number}"))
            chains.append(Chain(name, (Rule((counted, ACCEPT)),)))
            elements.append(Element(f"known-{way}", (str(_mark(item, number, way)),), name))
    return tuple(chains), tuple(elements)


def _mark(item: AppFirewall, number: int, way: str) -> int:
    return mark_of(item.app_number, number, received=way == "rx")


def _guard(item: AppFirewall) -> Program:
    name = f"guard-{item.vif}"
    unaddressed = Match("ip saddr", "0.0.0.0")
    rules = (
        Rule(
            (
                Match("ether saddr", item.mac, "!="),
                Counter(counter_name(name, "foreign-mac")),
                DROP,
            ),
            "foreign-mac",
        ),
        Rule((Match("arp saddr ip", ("0.0.0.0", item.address)), ACCEPT)),
        Rule((unaddressed, Match("udp dport", 67), ACCEPT)),
        _refused(name, "foreign-address"),
    )
    return Program(
        "bridge",
        item.table,
        (Chain(name, rules),),
        (),
        (
            Element("guard-of", (item.vif,), name),
            Element("guarded", (item.vif, item.mac, item.address)),
        ),
    )


def _list(item: AppFirewall, way: str) -> tuple[Rule, ...]:
    """The list in order.  A limit lets pass here: its excess is dropped in the chain of limits."""
    rules: list[Rule] = []
    for ace in item.aces:
        matches = _matches(item, ace, way)
        if matches is None:
            continue
        if ace.action is Action.DROP:
            rules += _drops(item, way, matches, ace.number)
        else:
            rules += _passes(item, way, matches, ace)
    return tuple(rules)


def _passes(item: AppFirewall, way: str, matches: tuple[Part, ...], ace: Ace) -> list[Rule]:
    label = f"ace={ace.number}"
    counted = Counter(counter_name(f"{way}-{item.vif}", label))
    mark = Set("ct mark", _mark(item, ace.number, way))
    if way == "tx":
        used: tuple[Part, ...] = ()
        if ace.host:
            used = (Refresh("ip daddr", host_set(item.bridge, ace.host)),)
        return [Rule((*matches, *used, mark, counted, ACCEPT), label)]
    # What a neighbour sends has the mark of its own list by now, and keeps it.
    return [
        Rule((*matches, Match("ct mark", 0), mark)),
        Rule((*matches, counted, ACCEPT), label),
    ]


def _drops(item: AppFirewall, way: str, matches: tuple[Part, ...], number: int) -> list[Rule]:
    """`number` 0 is the end of the list.  Nobody is shown more of a flood than its beginning."""
    label = f"ace={number}" if number else "default"
    chain = f"{way}-{item.vif}"
    rules = [Rule((*matches, Counter(counter_name(chain, label)), DROP), label)]
    if item.flow_log:
        prefix = log_prefix(_mark(item, number, way))
        shown = Rule(
            (
                *matches,
                Match("meta l4proto", ("tcp", "udp")),
                Within(LOGGED_A_SECOND, "second", LOGGED_AT_ONCE),
                Log(log_group(item.table), prefix, LOGGED_BYTES),
            )
        )
        rules.insert(0, shown)
    return rules


def _limits(item: AppFirewall, way: str) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    chain = f"{way}-limit-{item.vif}"
    for ace in item.aces:
        matches = _matches(item, ace, way)
        if matches is None:
            continue
        if ace.action is Action.LIMIT:
            label = f"limit={ace.number}"
            over = Over(ace.rate, ace.unit, ace.burst)
            counted = Counter(counter_name(chain, label))
            rules.append(Rule((*matches, over, counted, DROP), label))
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
