"""The rules of switches -> nftables programs.  Pure.

    from an app   prerouting: limits, what is always allowed, replies, then the list of the sender
    towards it    forward: the same with the list of the receiver
    other frames  ARP passes; what is neither IP nor ARP has no address that an entry could name, so
                  only an entry without matches lets it pass

Connections within a bridge are followed by nf_conntrack_bridge, and the lists stand in the bridge
family.  Where a kernel has it not, br_netfilter shows the frames to the rules of routed packets.
There the interface is always the bridge, so a chain of the bridge family writes down the vif in
the packet's mark first, and the lists are found by it.

Each switch is a zone of its own: the same connection may pass two of them.
"""

from eaves.node.network.items import Ace, Action, NftBase, SwitchFirewall, SwitchRules, Tracking
from eaves.node.network.marks import LEARN, log_group, log_prefix, mark_of
from eaves.node.network.nftlang import (
    Chain,
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
    Rule,
    Set,
    Verdict,
    Within,
)
from eaves.node.network.rules import (
    ACCEPT,
    ANSWER_BYTES,
    DROP,
    LOGGED_A_SECOND,
    LOGGED_AT_ONCE,
    LOGGED_BYTES,
    REPLIES,
    RETURN,
    counter_name,
)

IP, IP6 = Match("meta protocol", "ip"), Match("meta protocol", "ip6")
ICMPV6 = Match("meta l4proto", 58)
ALL_NODES = Match("ip6 daddr", "ff02::1")
ALWAYS = (
    Rule((Match("udp dport", (67, 68)), ACCEPT), "dhcp"),
    Rule((Match("udp dport", 53), ACCEPT), "dns"),
    Rule((Match("tcp dport", 53), ACCEPT), "dns-tcp"),
    Rule((ICMPV6, ACCEPT), "icmpv6"),
    Rule((Match("udp dport", (546, 547)), ACCEPT), "dhcpv6"),
)
LATEST_TRACKED = -150  # connections are known from -200 on
BEFORE_ALL = -300
WAYS = ("tx", "rx")
LEARNED_A_SECOND, LEARNED_AT_ONCE = 5, 20  # frames of one vif that tell of its addresses


def base_containers(tracking: Tracking) -> tuple[Container, ...]:
    """Of the table in which the lists stand."""
    key = ("mark",) if tracking is Tracking.INET else ("ifname",)
    return (
        Container("sw-zone-of", ("ifname",), verdicts=True),
        *(Container(f"sw-{way}-of", key, verdicts=True) for way in WAYS),
    )


def base_chains(tracking: Tracking) -> tuple[Chain, ...]:
    inet = tracking is Tracking.INET
    into, out = ("meta mark", "meta mark") if inet else ("iifname", "oifname")
    return (
        Chain(
            "sw-zones",
            (Rule((Lookup("iifname", "sw-zone-of"),)),),
            Hook("filter", "prerouting", BEFORE_ALL),
        ),
        Chain(
            "sw-sent",
            (Rule((Lookup(into, "sw-tx-of"),)),),
            Hook("filter", "prerouting", LATEST_TRACKED),
        ),
        Chain(
            "sw-received",
            (Rule((Lookup(out, "sw-rx-of"),)),),
            Hook("filter", "forward", LATEST_TRACKED),
        ),
    )


def base_switch_programs(item: NftBase) -> tuple[Program, ...]:
    """What all switches hang on; nothing where nothing can follow connections in a bridge."""
    if item.tracking is Tracking.NONE:
        return ()
    lists = Program(
        "bridge" if item.tracking is Tracking.BRIDGE else "inet",
        item.table,
        base_chains(item.tracking),
        base_containers(item.tracking),
    )
    frames = Program(
        "bridge",
        item.table,
        (
            Chain(
                "sw-frames-in",
                (Rule((Lookup("iifname", "sw-in-of"),)),),
                Hook("filter", "prerouting", BEFORE_ALL),
            ),
            Chain(
                "sw-frames-out",
                (Rule((Lookup("oifname", "sw-out-of"),)),),
                Hook("filter", "forward", BEFORE_ALL),
            ),
        ),
        (
            Container("sw-in-of", ("ifname",), verdicts=True),
            Container("sw-out-of", ("ifname",), verdicts=True),
        ),
    )
    return (lists, frames)


def switch_programs(item: SwitchRules) -> tuple[Program, ...]:
    name = f"sw-zone-{item.bridge}"
    chain = Chain(name, (Rule((Set("ct zone", item.number),)),))
    if item.tracking is Tracking.INET:
        # Here a frame arrives at the bridge; and one for a port has left its sender's mark behind.
        out = f"sw-port-{item.bridge}"
        zones = Program(
            "inet",
            item.table,
            (chain,),
            (),
            (Element("sw-zone-of", (item.bridge,), name, "jump"),),
        )
        unmarked = Program(
            "bridge",
            item.table,
            (Chain(out, (Rule((Set("meta mark", 0),)),)),),
            (),
            tuple(
                Element(which, (port,), out, "jump")
                for port in item.members
                for which in ("sw-in-of", "sw-out-of")
            ),
        )
        return (zones, unmarked)
    elements = tuple(Element("sw-zone-of", (port,), name, "jump") for port in item.members)
    return (Program("bridge", item.table, (chain,), (), elements),)


def switch_firewall_programs(item: SwitchFirewall) -> tuple[Program, ...]:
    inet = item.tracking is Tracking.INET
    chains: list[Chain] = []
    elements: list[Element] = []
    for way in WAYS:
        name = f"{way}-{item.vif}"
        if _limited(item):
            chains.append(Chain(f"{way}-limit-{item.vif}", _limits(item, way)))
        chains.append(Chain(name, _list(item, way)))
        key = str(vif_mark(item, way)) if inet else item.vif
        elements.append(Element(f"sw-{way}-of", (key,), name))
    if not inet:
        zone = f"sw-zone-{item.bridge}"
        elements.append(Element("sw-zone-of", (item.vif,), zone, "jump"))
    lists = Program("inet" if inet else "bridge", item.table, tuple(chains), (), tuple(elements))
    frames = Program(
        "bridge",
        item.table,
        tuple(Chain(f"sw-{way}-{item.vif}", _frames(item, way)) for way in WAYS),
        (),
        (
            Element("sw-in-of", (item.vif,), f"sw-tx-{item.vif}", "jump"),
            Element("sw-out-of", (item.vif,), f"sw-rx-{item.vif}", "jump"),
        ),
    )
    return (lists, frames)


def vif_mark(item: SwitchFirewall, way: str) -> int:
    """Tells vif and way of a frame on its way through the rules of routed packets."""
    return 0x4557_0000 | item.vif_id << 1 | (way == "rx")


def _frames(item: SwitchFirewall, way: str) -> tuple[Rule, ...]:
    """IP frames go on to the lists; for all others this is the list."""
    inet = item.tracking is Tracking.INET
    on = (Set("meta mark", vif_mark(item, way)), RETURN) if inet else (RETURN,)
    seldom = Within(LEARNED_A_SECOND, "second", LEARNED_AT_ONCE)
    shown = (seldom, Log(log_group(item.table), LEARN, LOGGED_BYTES))
    arp = Match("meta protocol", "arp")
    rules = [Rule((IP, *on)), Rule((IP6, *_neighbours(way), *shown)), Rule((IP6, *on))]
    if way == "tx":
        rules.append(Rule((arp, *shown)))
    rules.append(Rule((arp, RETURN)))
    first = next((ace for ace in item.aces if _matches_all(ace)), None)
    if first is not None and first.action is not Action.DROP:
        return (*rules, Rule((Counter(counter_name(f"sw-{way}-{item.vif}", "frame")), RETURN)))
    label = "other-frame"
    return (*rules, Rule((Counter(counter_name(f"sw-{way}-{item.vif}", label)), DROP), label))


def _neighbours(way: str) -> tuple[Part, ...]:
    """What an app says of its own addresses; of others only what they say of one that it wants."""
    advert = "nd-neighbor-advert"
    if way == "rx":
        return (ICMPV6, ALL_NODES, Match("icmpv6 type", advert))
    return (ICMPV6, Match("icmpv6 type", ("nd-neighbor-solicit", advert)))


def _matches_all(ace: Ace) -> bool:
    return not (ace.prefix or ace.protocol or ace.lport or ace.fport)


def _list(item: SwitchFirewall, way: str) -> tuple[Rule, ...]:
    """Limits first, for they count each packet of a connection; then as a local list."""
    rules: list[Rule] = [*ALWAYS]
    if way == "rx":
        rules.insert(0, _leases(item.table))
    if _limited(item):
        rules.append(Rule((Verdict("jump", f"{way}-limit-{item.vif}"),)))
    rules.append(REPLIES)
    for ace in item.aces:
        label = f"ace={ace.number}"
        counted = Counter(counter_name(f"{way}-{item.vif}", label))
        matches = _matches(ace, way)
        if ace.action is Action.DROP:
            rules += _drops(item, way, matches, ace.number)
            continue
        # What a neighbour sends has the mark of its own list by now, and keeps it.
        mark = Set("ct mark", mark_of(item.app_number, ace.number))
        rules += [
            Rule((*matches, Match("ct mark", 0), mark)),
            Rule((*matches, counted, ACCEPT), label),
        ]
    return (*rules, *_drops(item, way, (), 0))


def _leases(table: str) -> Rule:
    """What a server of DHCP or DHCPv6 grants; it has to be read whole."""
    return Rule(
        (
            Match("udp sport", (67, 547)),
            Match("udp dport", (68, 546)),
            Within(LEARNED_A_SECOND, "second", LEARNED_AT_ONCE),
            Log(log_group(table), LEARN, ANSWER_BYTES),
        )
    )


def _limited(item: SwitchFirewall) -> bool:
    return any(ace.action is Action.LIMIT for ace in item.aces)


def _limits(item: SwitchFirewall, way: str) -> tuple[Rule, ...]:
    """The first entry that matches decides: what stands above a limit is not counted by it."""
    rules: list[Rule] = []
    chain = f"{way}-limit-{item.vif}"
    for ace in item.aces:
        matches = _matches(ace, way)
        if ace.action is Action.LIMIT:
            label = f"limit={ace.number}"
            counted = Counter(counter_name(chain, label))
            over = Over(ace.rate, ace.unit, ace.burst)
            rules.append(Rule((*matches, over, counted, DROP), label))
        rules.append(Rule((*matches, RETURN)))
    return tuple(rules)


def _drops(item: SwitchFirewall, way: str, matches: tuple[Part, ...], number: int) -> list[Rule]:
    label = f"ace={number}" if number else "default"
    chain = f"{way}-{item.vif}"
    rules = [Rule((*matches, Counter(counter_name(chain, label)), DROP), label)]
    if item.flow_log:
        prefix = log_prefix(mark_of(item.app_number, number))
        shown: tuple[Part, ...] = (
            *matches,
            Match("meta l4proto", ("tcp", "udp")),
            Within(LOGGED_A_SECOND, "second", LOGGED_AT_ONCE),
            Log(log_group(item.table), prefix, LOGGED_BYTES),
        )
        rules.insert(0, Rule(shown))
    return rules


def _matches(ace: Ace, way: str) -> tuple[Part, ...]:
    """An entry with an address speaks of its IP version only; one without, of both."""
    sending = way == "tx"
    parts: list[Part] = []
    version = "ip6" if ":" in ace.prefix else "ip"
    if ace.prefix.endswith("/0"):
        parts.append(Match("meta protocol", version))
    elif ace.prefix:
        single = "/128" if version == "ip6" else "/32"
        remote = f"{version} {'daddr' if sending else 'saddr'}"
        parts.append(Match(remote, ace.prefix.removesuffix(single)))
    if ace.lport:
        parts.append(Match(f"{ace.protocol} {'sport' if sending else 'dport'}", ace.lport))
    if ace.fport:
        parts.append(Match(f"{ace.protocol} {'dport' if sending else 'sport'}", ace.fport))
    if ace.protocol and not (ace.lport or ace.fport):
        parts.append(Match("meta l4proto", _protocol(ace.protocol)))
    return tuple(parts)


def _protocol(word: str) -> str | int | tuple[int, ...]:
    if word == "icmp":
        return (1, 58)  # the same for a person, whatever the version
    return int(word) if word.isdecimal() else word
