"""Routing tables of network instances: what differs from what is there, as `ip` takes it."""

from collections.abc import Iterable, Iterator

from eaves.node.host import links
from eaves.node.host.links import SeenRoute, SeenRule
from eaves.node.network.items import Route, Routes
from eaves.node.network.routing import EVERYWHERE
from eaves.node.network.workshop import Made

LAST_RESORT = 4_278_198_272  # a metric that every other route is better than
WAYS_BEFORE = 1000  # rules of replies stand so far before that of the table


class RouteTables(Made):
    async def make(self, item: Routes, running: Routes | None) -> None:
        seen = await links.routing()
        await links.ip_batch(lines_for(item, running, seen.rules, seen.routes))
        if running is not None:
            for route in moved(running, item):
                away = "" if route.destination == EVERYWHERE else route.destination
                for source in own_networks(item):
                    await links.forget_between(source, away)

    async def unmake(self, item: Routes) -> None:
        seen = await links.routing()
        rules = wanted_rules(item)
        tables = {rule.table for rule in rules}
        lines = [rule_line("del", rule) for rule in rules if rule in seen.rules]
        lines += [route_line("del", r) for r in seen.routes if r.table in tables]
        await links.ip_batch(lines)


def wanted_rules(item: Routes) -> tuple[SeenRule, ...]:
    """Replies first: their mark says by which port they came."""
    ways = (
        SeenRule(item.table_id - WAYS_BEFORE, item.bridge, way.mark, way.table_id)
        for way in item.ways
    )
    return (*ways, SeenRule(item.table_id, item.bridge, 0, item.table_id))


def wanted_routes(item: Routes) -> Iterator[SeenRoute]:
    """What no route of the table leads to goes nowhere: never by the routes of the host."""
    for route in item.routes:
        yield _as_seen(item.table_id, route)
    yield SeenRoute(item.table_id, EVERYWHERE, "", "", "unreachable", LAST_RESORT)
    for way in item.ways:
        yield SeenRoute(way.table_id, EVERYWHERE, way.gateway, way.ifname, "unicast", 0)


def _as_seen(table: int, route: Route) -> SeenRoute:
    kind = "unicast" if route.ifname else "throw"
    return SeenRoute(table, route.destination, route.gateway, route.ifname, kind, 0)


def lines_for(
    item: Routes,
    running: Routes | None,
    rules: Iterable[SeenRule],
    routes: Iterable[SeenRoute],
) -> list[str]:
    """Routes before the rule that leads to them; what is stale after what replaces it."""
    there, have = set(rules), set(routes)
    wanted, leads = list(wanted_routes(item)), wanted_rules(item)
    tables = {rule.table for rule in leads}
    gone: set[SeenRule] = set()
    if running is not None:
        gone = set(wanted_rules(running)) - set(leads)
        tables |= {rule.table for rule in gone}
    places = {_place(route) for route in wanted}
    lines = [route_line("replace", route) for route in wanted if route not in have]
    lines += [rule_line("add", rule) for rule in leads if rule not in there]
    lines += [rule_line("del", rule) for rule in sorted(gone & there, key=str)]
    stale = [r for r in have if r.table in tables and _place(r) not in places]
    return lines + [route_line("del", route) for route in sorted(stale, key=str)]


def _place(route: SeenRoute) -> tuple[int, str, int]:
    """What the kernel tells routes of one table apart by."""
    return route.table, route.destination, route.metric


def moved(running: Routes, item: Routes) -> list[Route]:
    """Routes that lead elsewhere now: what was translated for the old port cannot go on."""
    before = {route.destination: route for route in running.routes}
    return [
        route
        for route in item.routes
        if (old := before.get(route.destination))
        and (old.ifname, old.gateway) != (route.ifname, route.gateway)
    ]


def own_networks(item: Routes) -> list[str]:
    return [r.destination for r in item.routes if r.ifname == item.bridge and not r.gateway]


def is_in_force(item: Routes, rules: Iterable[SeenRule], routes: Iterable[SeenRoute]) -> bool:
    return not lines_for(item, None, rules, routes)


def rule_line(verb: str, rule: SeenRule) -> str:
    mark = f" fwmark {rule.mark:#x}" if rule.mark else ""
    return f"rule {verb} pref {rule.place} iif {rule.iif}{mark} lookup {rule.table}"


def route_line(verb: str, route: SeenRoute) -> str:
    kind = "" if route.kind == "unicast" else f"{route.kind} "
    via = f" via {route.gateway}" if route.gateway else ""
    dev = f" dev {route.ifname}" if route.ifname else ""
    metric = f" metric {route.metric}" if route.metric else ""
    return f"route {verb} {kind}{route.destination}{via}{dev} table {route.table}{metric}"
