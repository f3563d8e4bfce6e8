"""What a policy brings to the nodes of a project: refused before any node is reached."""

from collections.abc import Mapping

from eaves.controller.domain.admission import Refusal
from eaves.controller.domain.admission.signatures import (
    images_named,
    refuse_unsigned,
    refuse_unsigned_bundle,
)
from eaves.controller.domain.contract.apps import App
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.northbound import records
from eaves.controller.northbound.work import Work
from eaves.controller.store.image_trust import find_trust


async def refuse_unsigned_wares(
    work: Work,
    project_id: str,
    bundles: Mapping[str, App],
    images: Mapping[str, ImageConfig] | None = None,
) -> tuple[Refusal, ...]:
    """Bundles and images by the member that names them; every reason, not only the first."""
    db, scope = work.db, work.scope
    within = await records.by_reference(
        db, scope, records.IMAGE, sorted(images_named(bundles.values()))
    )
    plain = images or {}
    every = {image.id for image in (*within.values(), *plain.values())}
    trust = await find_trust(db, scope.enterprise, project_id, every)
    refusals: list[Refusal] = []
    for at, bundle in bundles.items():
        refusals += refuse_unsigned_bundle(bundle, within, trust, at)
    for at, image in plain.items():
        refusals += refuse_unsigned(image, trust, at)
    return tuple(refusals)
