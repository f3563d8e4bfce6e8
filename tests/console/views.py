"""The addresses of the console: what its navigation leads to, and the pages of objects."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

VIEWS = (
    *("/", "/nodes", "/instances", "/alerts", "/events", "/marketplace", "/apps", "/projects"),
    *("/rollouts", "/jobs", "/library/networks", "/library/netinsts", "/library/volumes"),
    *("/library/datastores", "/library/images", "/library/models"),
    *("/tenants", "/users", "/roles", "/tokens", "/audit"),
    *("/library/brands", "/library/alert-rules", "/library/alert-channels", "/library/roles"),
    *("/library/auth-profiles", "/library/patches"),
)
TABS: Final[Mapping[str, tuple[str, ...]]] = {  # beside the one that stands first
    "nodes": (
        *("adapters", "apps", "asked", "attestation", "charts", "connections", "events", "flows"),
        *("logs", "updates"),
    ),
    "instances": ("asked", "charts", "events", "flows", "logs"),
    "apps": ("text",),
}
ROUTES: Final = (  # with which the console is shown; `test_console_views` compares its router
    *("/", "/nodes", "/nodes/:id/:tab?", "/instances", "/instances/:id/:tab?", "/alerts"),
    *("/events", "/marketplace", "/marketplace/:id/deploy", "/apps", "/apps/:id/deploy"),
    *("/apps/:id/:tab?", "/projects", "/projects/:id", "/rollouts", "/rollouts/:id", "/jobs"),
    *("/jobs/:id", "/library/:kind", "/library/:kind/:id", "/tenants", "/users", "/roles"),
    *("/tokens", "/audit"),
)


def not_shown(addresses: Iterable[str]) -> list[str]:
    """Routes that none of these addresses leads to."""
    told = list(addresses)
    return [route for route in ROUTES if not any(_pattern(route).fullmatch(one) for one in told)]


def _pattern(route: str) -> re.Pattern[str]:
    optional = re.sub(r"/:\w+\?", r"(/[^/]+)?", route)
    return re.compile(re.sub(r":\w+", r"[^/]+", optional))
