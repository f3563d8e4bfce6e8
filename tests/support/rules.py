"""What the API asks of who calls it, by method and path."""

from collections.abc import Mapping
from typing import Final

from eaves.controller.domain.authz import Needs, Rule
from eaves.controller.northbound.app import COMMON, ROUTES, VERBS
from eaves.controller.northbound.catalog import ALL
from eaves.controller.northbound.routes import AREAS

NEEDS: Final[Mapping[tuple[str, str], Needs]] = {
    **{
        (method, resource.path + suffix): Rule(AREAS[resource.of.kind], VERBS[method])
        for resource in ALL
        for method, suffix in COMMON
    },
    **{(route.method, route.path): route.needs for route in ROUTES},
}
