"""Which operations of the contract this release serves, as a page of the documentation.

Write it anew with `python -m eaves.controller.northbound.coverage` into
`docs/reference/api-coverage.md`; a test compares the page with what this module says.
"""

import sys
from collections.abc import Iterable, Iterator

from eaves.controller.domain.authz import Anybody
from eaves.controller.northbound import catalog
from eaves.controller.northbound.app import COMMON, ROUTES
from eaves.controller.northbound.later import reason_for
from eaves.controller.northbound.openapi import Served
from eaves.controller.northbound.operations import Operation, read_operations

HEAD = """# API coverage

The REST contract below `/api`, operation by operation: {served} of {all} are served. One that is
not answers 501 with its name, and with the reason where it belongs to a later release. Five paths
stand in two services, under an operation id in each. This page is generated;
`eaves.controller.northbound.coverage` says how.
"""
OURS = ("/v1/eaves/", "/v1/ext/")
OWN = """
## Eaves's own additions

"""


def endpoints() -> Iterator[Served]:
    """All that is served, as its routes say."""
    for route in ROUTES:
        is_open = route.needs is Anybody.STRANGER
        about = _first_sentences(route.endpoint.__doc__ or "")
        yield Served(
            route.method,
            route.path,
            about,
            is_open,
            route.takes,
            route.gives,
            route.headers,
            route.query,
        )
    for resource in catalog.ALL:
        for method, suffix in COMMON:
            yield Served(method, resource.path + suffix, "", open=False)


def _first_sentences(docstring: str) -> str:
    first = " ".join(docstring.strip().partition("\n\n")[0].split())
    return first.partition(" Raises ")[0].removesuffix(".")


def served() -> frozenset[tuple[str, tuple[str, ...]]]:
    """Method and shape of each path that has an endpoint."""
    return frozenset((one.method, one.shape) for one in endpoints())


def page() -> str:
    operations, here = read_operations(), served()
    count = sum((one.method, one.shape) in here for one in operations)
    lines = [HEAD.format(served=count, all=len(operations))]
    services: dict[str, list[Operation]] = {}
    for operation in operations:
        services.setdefault(operation.service, []).append(operation)
    for service, members in services.items():
        count = sum((one.method, one.shape) in here for one in members)
        lines.append(f"\n## {service}: {count} of {len(members)}\n")
        lines += _table(members, here)
    lines.append(OWN.rstrip() + "\n")
    own = sorted((r.path, r.method) for r in ROUTES if r.path.startswith(OURS))
    lines += [f"- `{method} /api{path}`" for path, method in own]
    return "\n".join(lines) + "\n"


def _table(members: Iterable[Operation], here: frozenset[tuple[str, tuple[str, ...]]]) -> list[str]:
    lines = ["| Method | Path | Operation | Served |", "| --- | --- | --- | --- |"]
    for one in members:
        mark = "yes" if (one.method, one.shape) in here else reason_for(one)
        lines.append(f"| {one.method} | `{one.path}` | {one.id} | {mark} |")
    return lines


if __name__ == "__main__":
    sys.stdout.write(page())
