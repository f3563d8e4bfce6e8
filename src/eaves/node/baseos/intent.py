"""From the device's configuration to the version that is to run, and what that asks for.  Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from eaves.evapi.config import EdgeDevConfig
from eaves.ids import ContentTreeId
from eaves.node import refs
from eaves.node.baseos.record import Bar
from eaves.node.baseos.slots import BEFORE_MARK, TRIAL, Event, Phase
from eaves.reconcile.item import ItemRef


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `baseos` of a configuration says."""

    version: str  # exactly the one inside the image
    tree: ItemRef | None  # its content; None: the configuration does not hold it
    activate: bool
    retry: int | None  # counter of retry_update


def wanted_of(config: EdgeDevConfig) -> Wanted | None:
    """None: nothing is said, so what runs stays."""
    said = config.baseos
    if said is None or not said.base_os_version:
        return None
    named = said.content_tree_uuid.lower()
    generation = next(
        (c.generation_count for c in config.content_info if c.uuid.lower() == named), None
    )
    return Wanted(
        said.base_os_version,
        None if generation is None else refs.content_tree(ContentTreeId(named), generation),
        said.activate,
        None if said.retry_update is None else said.retry_update.counter,
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an update is when the configuration is read."""

    phase: Phase
    running: str  # version
    target: str  # version that is on its way, or was last; empty: none
    bars: Mapping[str, Bar]


def asked(standing: Standing, wanted: Wanted | None) -> Event | None:
    """What the configuration asks of an update in this phase; None: nothing new."""
    asks = wanted is not None and wanted.activate and wanted.version != standing.running
    if standing.phase in TRIAL:
        waits = asks and wanted is not None and not is_barred(standing.bars, wanted)
        return Event.OTHER_WANTED if waits else None
    if wanted is None or not asks:
        under_way = (*BEFORE_MARK, Phase.REBOOTING, Phase.REFUSED)
        return Event.WITHDRAWN if standing.target and standing.phase in under_way else None
    other, barred = wanted.version != standing.target, is_barred(standing.bars, wanted)
    match standing.phase:
        case Phase.IDLE:
            return Event.BARRED if barred else Event.WANTED
        case Phase.FAILED | Phase.REFUSED:
            if barred:
                return None
            return Event.OTHER_WANTED if other else Event.RETRY
        case Phase.FETCHING | Phase.WRITING | Phase.SEALING | Phase.REBOOTING if other:
            if not barred:
                return Event.OTHER_WANTED
            return Event.WITHDRAWN if standing.target else None  # it is told as barred then
        case _:
            return None


def is_barred(bars: Mapping[str, Bar], wanted: Wanted) -> bool:
    """Has this version failed here, and was nobody asking for it again since?"""
    bar = bars.get(wanted.version)
    return bar is not None and (wanted.retry is None or wanted.retry == bar.retry)


def is_forced(counter: int, known: int | None) -> bool:
    """Does force.fallback.counter ask for the other slot?  Its first sight is only stored."""
    return known is not None and counter != known
