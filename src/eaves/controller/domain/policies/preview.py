"""What a change of policies would do to one node: told before anything is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eaves.controller.domain.admission.refusal import parse_size_bytes
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.policies.settle import Carried, Fault, Made, Settled, Site

KIB = 1024


@dataclass(frozen=True, slots=True)
class NodePlan:
    """Sizes in bytes.  `peak`: what is on the node now, and what comes, before anything that goes
    is given back; `disk`: what the model has, None where it does not say.
    """

    node_id: str
    node_name: str
    created: tuple[str, ...]
    changed: tuple[str, ...]  # the app goes on running
    restarted: tuple[str, ...]
    purged: tuple[str, ...]
    deleted: tuple[str, ...]
    pull_bytes: int
    peak_bytes: int
    disk_bytes: int | None
    refused: tuple[Fault, ...]
    lacks: tuple[str, ...] = ()  # what would not be delivered, and why
    locked: bool = False  # what changes waits until the configuration is unlocked

    @property
    def quiet(self) -> bool:
        return not (
            self.created
            or self.changed
            or self.restarted
            or self.purged
            or self.deleted
            or self.refused
            or self.lacks
        )

    @property
    def too_full(self) -> bool:
        return self.disk_bytes is not None and self.peak_bytes > self.disk_bytes


def preview(site: Site, settled: Settled) -> NodePlan:
    new = [made for made in settled.made if made.before is None]
    old = [made for made in settled.made if made.before is not None]
    there: tuple[Carried, ...] = (*site.volumes, *site.instances)
    coming = [made.item for made in settled.made]
    pulls = _pulls(site.images, there, coming)
    purged = tuple(made for made in old if _counts(made, "purge"))
    restarted = tuple(made for made in old if _counts(made, "restart") and made not in purged)
    more = sum(_bytes(item, site.images) for item in (made.item for made in (*new, *purged)))
    used = sum(_bytes(item, site.images) for item in there)
    attributes = {key.lower(): text for key, text in site.model.attr.items()} if site.model else {}
    return NodePlan(
        node_id=site.device.id,
        node_name=site.device.name,
        created=_titles(new),
        changed=_titles([made for made in old if made not in purged and made not in restarted]),
        restarted=_titles(restarted),
        purged=_titles(purged),
        deleted=tuple(f"{owned.makes.noun} {item.name}" for owned, item in settled.delete),
        pull_bytes=pulls,
        peak_bytes=used + more + pulls,
        disk_bytes=parse_size_bytes(attributes.get("storage", "")),
        refused=settled.faults,
    )


def _titles(made: Iterable[Made]) -> tuple[str, ...]:
    return tuple(f"{one.entry.makes.noun} {one.item.name}" for one in made)


def _counts(made: Made, counter: str) -> bool:
    before, after = getattr(made.before, counter, None), getattr(made.item, counter, None)
    return (after.counter if after else 0) > (before.counter if before else 0)


def _images_of(item: Carried) -> frozenset[str]:
    match item:
        case AppInstance():
            named = {drive.imagename for drive in item.drives if not drive.mvolname}
        case VolInstConfig():
            named = {item.image}
        case _:
            named = set[str]()
    return frozenset(named - {""})


def _pulls(
    images: Mapping[str, ImageConfig], there: Iterable[Carried], coming: Iterable[Carried]
) -> int:
    """An image that something on the node is made from is there already."""
    held = frozenset[str]().union(*(_images_of(item) for item in there))
    wanted = frozenset[str]().union(*(_images_of(item) for item in coming)) - held
    found = {image.id: image for name in wanted if (image := images.get(name)) is not None}
    return sum(image.image_size_bytes for image in found.values())


def _bytes(item: Carried, images: Mapping[str, ImageConfig]) -> int:
    match item:
        case AppInstance():
            total = 0
            for drive in item.drives:
                if drive.mvolname or drive.imvolname:
                    continue  # counted as a volume of the node
                image = images.get(drive.imagename)
                total += max(drive.maxsize * KIB, image.image_size_bytes if image else 0)
            return total
        case VolInstConfig():
            image = images.get(item.image)
            return max(item.size_bytes, image.image_size_bytes if image else 0)
        case _:
            return 0
