"""The second version of the paths of app instances: the same objects, verbs and reports.

What the contract has below `/v1/apps/instances` and below `/v2/apps/instances` alike is one
endpoint with two paths.
"""

from dataclasses import replace

from eaves.controller.northbound import actions, app_queries, patching, status
from eaves.controller.northbound.operations import read_operations
from eaves.controller.northbound.routes import Route

V1, V2 = "/v1/apps/instances", "/v2/apps/instances"


def _mirrored(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    known = read_operations()
    second = [
        replace(route, path=V2 + route.path.removeprefix(V1))
        for route in routes
        if route.path.startswith(V1 + "/")
    ]
    return tuple(route for route in second if known.find(route.method, route.path) is not None)


ROUTES: tuple[Route, ...] = _mirrored(
    (*actions.ROUTES, *status.ROUTES, *app_queries.ROUTES, *patching.ROUTES)
)
