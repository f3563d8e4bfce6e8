"""A kernel that a machine boots without firmware looking for it, from volumes of its app.  Pure.

A volume says by its `target` what it is: a kernel, what the kernel unpacks as its first root, or
something that the app fetches from the metadata service.  None of those is a disk of the guest.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from eaves.evapi.config import AppInstanceConfig, Target, VmConfig, Volume
from eaves.ids import VolumeId
from eaves.node import refs
from eaves.node.domains.items import Disk
from eaves.reconcile.item import ItemRef

FIRST_ROOTS = frozenset({Target.Initrd, Target.RamDisk})
NO_DISKS = FIRST_ROOTS | {Target.Kernel, Target.AppCustom}

Volumes = Mapping[ItemRef, Volume]  # of the configuration


@dataclass(frozen=True, slots=True)
class Boot:
    disks: tuple[Disk, ...]
    kernel: Disk | None = None
    ramdisk: Disk | None = None
    arguments: str = ""  # the kernel's command line
    others: tuple[Disk, ...] = ()  # fetched by the app, or not chosen to boot from
    faults: tuple[str, ...] = ()  # why it does not boot as it asks


def volumes_of(wishes: Iterable[Volume]) -> Volumes:
    return {refs.volume(VolumeId(v.uuid.lower()), v.generation_count): v for v in wishes}


def boot_of(config: AppInstanceConfig, volumes: Volumes) -> Boot:
    """`kernel` and `ramdisk` name one of several such volumes; blank: the first."""
    resources = config.fixedresources or VmConfig()
    disks: list[Disk] = []
    files: list[tuple[Disk, Volume]] = []
    for used in config.volume_ref_list:
        disk = Disk(VolumeId(used.uuid), used.generation_count)
        told = volumes.get(refs.volume(VolumeId(used.uuid.lower()), used.generation_count))
        if told is None or told.target not in NO_DISKS:
            disks.append(disk)
        else:
            files.append((disk, told))
    faults: list[str] = []
    kernel = _chosen("kernel", resources.kernel, {Target.Kernel}, files, faults)
    ramdisk = _chosen("ramdisk", resources.ramdisk, FIRST_ROOTS, files, faults)
    for what, given in (("ramdisk", ramdisk is not None), ("extraargs", bool(resources.extraargs))):
        if given and kernel is None and not faults:
            faults.append(
                f"{what} is for a kernel, and no volume of the app is one; give it a volume whose "
                "target is Kernel"
            )
    return Boot(
        tuple(disks),
        kernel,
        ramdisk,
        resources.extraargs if kernel else "",
        tuple(disk for disk, _ in files if disk not in (kernel, ramdisk)),
        tuple(faults),
    )


def _chosen(
    what: str,
    name: str,
    targets: AbstractSet[Target],
    files: Iterable[tuple[Disk, Volume]],
    faults: list[str],
) -> Disk | None:
    of_kind = [(disk, told) for disk, told in files if told.target in targets]
    if not name:
        return of_kind[0][0] if of_kind else None
    for disk, told in of_kind:
        if name in (told.display_name, told.uuid):
            return disk
    words = " or ".join(sorted(target.name for target in targets))
    faults.append(
        f"{what} {name[:80]!r} names no volume of the app whose target is {words}; give the app "
        "that volume, or leave the field blank"
    )
    return None
