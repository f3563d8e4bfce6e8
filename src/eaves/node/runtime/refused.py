"""Objects of a configuration that cannot be carried out at all, each with its sentence.  Pure.

Ids become names of folders, records and units, so what is no UUID is left out before anything is
made of it.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from eaves.evapi.config import AppInstanceConfig, EdgeDevConfig, UUIDandVersion
from eaves.node.refs import MOST_NUMBERS

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
SHOWN = 80  # characters of a wrong id


def keep_well_named(config: EdgeDevConfig) -> tuple[EdgeDevConfig, dict[str, str]]:
    """`config` without the objects whose id is no UUID, and why each is not there."""
    wrong = (
        *(("app", a.displayname, _id(a.uuidandversion)) for a in config.apps),
        *(
            ("network instance", n.displayname, _id(n.uuidandversion))
            for n in config.network_instances
        ),
        *(("volume", v.display_name, v.uuid) for v in config.volumes),
        *(("content tree", t.display_name, t.uuid) for t in config.content_info),
    )
    refusals = {
        name[:SHOWN] or kind: f"{kind} {title or name[:SHOWN]!r} is left out: its id"
        f" {name[:SHOWN]!r} is no UUID; create it anew in the controller"
        for kind, title, name in wrong
        if not UUID.fullmatch(name)
    }
    if not refusals:
        return config, {}
    kept = replace(
        config,
        apps=tuple(a for a in config.apps if UUID.fullmatch(_id(a.uuidandversion))),
        network_instances=tuple(
            n for n in config.network_instances if UUID.fullmatch(_id(n.uuidandversion))
        ),
        volumes=tuple(v for v in config.volumes if UUID.fullmatch(v.uuid)),
        content_info=tuple(t for t in config.content_info if UUID.fullmatch(t.uuid)),
    )
    return kept, refusals


def refuse(unnumbered: Iterable[AppInstanceConfig]) -> dict[str, str]:
    """Apps beyond what interface names have numbers for; those that came first run."""
    return {
        _id(app.uuidandversion): f"app {app.displayname}: no app number is free"
        f" ({MOST_NUMBERS} at most); remove an app from this node"
        for app in unnumbered
    }


def _id(named: UUIDandVersion | None) -> str:
    return named.uuid if named else ""
