"""Images of an app, of a policy, of a volume: does the project let them in?"""

from collections.abc import Iterable, Iterator, Mapping

from eaves.controller.domain.admission.refusal import Refusal, not_ready
from eaves.controller.domain.contract.apps import App, AppInstance, Drive
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.manifests import VMManifestImage
from eaves.controller.domain.signed_images import ImageTrust

BLANK = "HDD_EMPTY"


def refuse_unsigned(image: ImageConfig, trust: ImageTrust, at: str) -> list[Refusal]:
    why = trust.refusal(image)
    return [not_ready(at, why)] if why else []


def refuse_unsigned_instance(
    wanted: AppInstance,
    bundle: App | None,
    images: Mapping[str, ImageConfig],
    trust: ImageTrust,
) -> list[Refusal]:
    """Every image that the instance runs from: its own, and those of the manifest it leaves out."""
    if not trust.signed_only:
        return []
    found: dict[str, Refusal] = {}
    for at, references in _named(wanted, bundle):
        image = next((images[one] for one in references if one in images), None)
        if image is not None:
            for refusal in refuse_unsigned(image, trust, at):
                found.setdefault(image.id, refusal)
    return list(found.values())


def _named(wanted: AppInstance, bundle: App | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    templates = images_of_manifest(bundle)
    for index, template in enumerate(templates):
        drive = wanted.drives[index] if index < len(wanted.drives) else None
        if drive is None and wanted.drives:
            continue  # it has fewer drives than its manifest
        if drive is None or not _is_own(drive):
            own = drive.imagename if drive is not None else ""
            names = (own, template.imageid, template.imagename)
            yield f"drives[{index}].imagename", tuple(one for one in names if one)
    for index, drive in enumerate(wanted.drives[len(templates) :], start=len(templates)):
        if not _is_own(drive) and drive.imagename:
            yield f"drives[{index}].imagename", (drive.imagename,)


def _is_own(drive: Drive) -> bool:
    """A volume that stands for itself, or a blank one."""
    return bool(drive.mvolname or drive.imvolname) or drive.drvtype.upper() == BLANK


def images_of_manifest(bundle: App | None) -> tuple[VMManifestImage, ...]:
    manifest = bundle.manifest_json if bundle is not None else None
    return manifest.images if manifest is not None else ()


def left_to_manifest(
    instance: AppInstance, bundle: App | None
) -> Iterator[tuple[int, Drive, VMManifestImage]]:
    """Its drives whose image is that of the manifest: all of them where it names none."""
    for index, template in enumerate(images_of_manifest(bundle)):
        if index >= len(instance.drives) > 0:
            return
        drive = instance.drives[index] if instance.drives else Drive()
        volume = drive.mvolname or drive.imvolname
        blank = (drive.drvtype or template.drvtype).upper() == BLANK
        if not (volume or drive.imagename or blank):
            yield index, drive, template


def images_named(bundles: Iterable[App | None]) -> frozenset[str]:
    """Names and ids of the images of manifests."""
    found = {
        name
        for bundle in bundles
        for image in images_of_manifest(bundle)
        for name in (image.imagename, image.imageid)
    }
    return frozenset(found - {""})


def refuse_unsigned_bundle(
    bundle: App, images: Mapping[str, ImageConfig], trust: ImageTrust, at: str
) -> list[Refusal]:
    """Of an app that a policy brings to nodes."""
    return [
        Refusal(one.code, at, f"app bundle {bundle.name!r}: {one.details}")
        for one in refuse_unsigned_instance(AppInstance(), bundle, images, trust)
    ]
