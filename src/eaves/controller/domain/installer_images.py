"""Installer images of single devices: which may be asked for, and what stands in one.

An image is a generic one whose partition CONFIG is written anew for the device; nothing is built.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from eaves.controller.domain.admission.refusal import Refusal, invalid
from eaves.controller.domain.contract.installer_images import (
    DeviceGenerateImageArchVariant,
    DeviceGenerateImageType,
    SingleUseImageReq,
)
from eaves.disk_image import (
    BOOTSTRAP,
    INSTALL_CONF,
    ONBOARD_CERTIFICATE,
    ONBOARD_KEY,
    ROOT_CERTIFICATE,
    SERVER,
    SOFT_SERIAL,
    install_conf,
)

TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}")
"""Of an image, and the name of its folder: no path, and never `..`."""
FILES: Final[Mapping[DeviceGenerateImageType, str]] = {
    DeviceGenerateImageType.INSTALLER: "installer.raw",
    DeviceGenerateImageType.LIVE: "disk.raw",
}
_DISK: Final = re.compile(r"[A-Za-z0-9/][A-Za-z0-9/._:+@=-]{0,255}")
_SERIAL: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")  # that a device may tell as its soft one


def admit_image(asked: SingleUseImageReq, tags: Collection[str]) -> tuple[Refusal, ...]:
    """`tags`: of the images that are there."""
    refusals: list[Refusal] = []
    if asked.image_tag not in tags:
        there = f"there are {', '.join(sorted(tags))}" if tags else "there is none"
        refusals.append(
            invalid(
                "imageTag",
                f"no image has the tag {asked.image_tag!r}; {there} in EAVES_INSTALLER_IMAGES",
            )
        )
    if asked.image_type not in FILES:
        why = f"imageType is {asked.image_type.value!r}; write Installer or Live"
        refusals.append(invalid("imageType", why))
    if asked.arch_variant is not DeviceGenerateImageArchVariant.GENERIC:
        refusals.append(
            invalid(
                "archVariant",
                f"archVariant is {asked.arch_variant.value!r}; there are images for Generic alone",
            )
        )
    return (*refusals, *_refuse_disks(asked))


def _refuse_disks(asked: SingleUseImageReq) -> list[Refusal]:
    refusals: list[Refusal] = []
    disk = asked.install_disk
    if disk and not _DISK.fullmatch(disk):
        refusals.append(
            invalid(
                "installDisk",
                f"installDisk is {disk!r}; write auto, a device such as /dev/sda, or serial:SERIAL",
            )
        )
    elif disk and asked.image_type is DeviceGenerateImageType.LIVE:
        refusals.append(
            invalid(
                "installDisk",
                f"installDisk is {disk!r}, but an image of type Live installs nothing: it is the "
                "disk; leave it out",
            )
        )
    if asked.persist_disk and asked.persist_disk != disk:
        refusals.append(
            invalid(
                "persistDisk",
                f"persistDisk is {asked.persist_disk!r} and installDisk {disk!r}; system and data "
                "stand on one disk: leave persistDisk out",
            )
        )
    return refusals


def config_files(
    *,
    server: str,
    root: bytes,
    certificate: bytes,
    key: bytes,
    serial: str,
    disk: str,
    bootstrap: bytes = b"",
) -> Mapping[str, bytes]:
    """What CONFIG holds for one device: all that differs from the generic image."""
    files = {
        SERVER: f"{server}\n".encode(),
        ROOT_CERTIFICATE: root,
        ONBOARD_CERTIFICATE: certificate,
        ONBOARD_KEY: key,
    }
    if _SERIAL.fullmatch(serial):  # another one is read from the hardware
        files[SOFT_SERIAL] = f"{serial}\n".encode()
    conf = install_conf(disk or None, None, wipe=False)
    if conf:
        files[INSTALL_CONF] = conf.encode()
    if bootstrap:  # proxies and static addresses: without them it would not come this far
        files[BOOTSTRAP] = bootstrap
    return files
