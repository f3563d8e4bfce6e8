"""Datastores, images, volume instances."""

from collections.abc import Mapping

from eaves.controller.domain.admission import admit_datastore, admit_image, admit_volume
from eaves.controller.domain.carried import complete_volume
from eaves.controller.domain.contract.datastores import (
    DatastoreInfo,
    DatastoreInfoSecrets,
    ImageConfig,
)
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.northbound import records
from eaves.controller.northbound.completion import complete_datastore, complete_image
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import objects
from eaves.controller.store.image_trust import find_trust

# members that hold secrets; the contract has an API key in two places
API_KEY = "apiKey"
API_PASSWORD = "apiPasswd"  # noqa: S105 - the name of a member
OUTER_API_KEY = "outerApiKey"


async def prepare_datastore(
    work: Work, wanted: DatastoreInfo, current: DatastoreInfo | None
) -> Prepared[DatastoreInfo]:
    lost = await records.missing(work.db, work.scope, records.PROJECT, wanted.project_access_list)
    refusals = admit_datastore(wanted, current, missing_projects=lost)
    complete = complete_datastore(wanted, enterprise=work.scope.enterprise)
    secret = wanted.secret or DatastoreInfoSecrets()
    secrets = {
        API_KEY: secret.api_key or wanted.api_key,
        API_PASSWORD: secret.api_passwd,
        OUTER_API_KEY: wanted.api_key,
    }
    return Prepared(
        complete.model_copy(update={"secret": None, "api_key": ""}),
        refusals,
        state=complete.ds_type.value,
        secrets={name: text for name, text in secrets.items() if text},
    )


def with_secrets(datastore: DatastoreInfo, clear: Mapping[str, str]) -> DatastoreInfo:
    """As it was sent: clients of the contract compare user and password."""
    changes: dict[str, object] = {}
    if clear.get(API_PASSWORD) or (clear.get(API_KEY) and not clear.get(OUTER_API_KEY)):
        changes["secret"] = DatastoreInfoSecrets(
            api_key=clear.get(API_KEY, ""), api_passwd=clear.get(API_PASSWORD, "")
        )
    if clear.get(OUTER_API_KEY):
        changes["api_key"] = clear[OUTER_API_KEY]
    return datastore.model_copy(update=changes)


async def prepare_image(
    work: Work, wanted: ImageConfig, current: ImageConfig | None
) -> Prepared[ImageConfig]:
    db, scope = work.db, work.scope
    stores = {wanted.datastore_id, *wanted.datastore_id_list} - {""}
    lost = await records.missing(db, scope, records.DATASTORE, sorted(stores))
    users = await objects.dependants(db, current.id) if current is not None else ()
    used_by = tuple(f"{user.kind.noun} {user.name!r}" for user in users)
    refusals = admit_image(wanted, current, missing_datastores=lost, used_by=used_by)
    complete = complete_image(wanted, current)
    return Prepared(
        complete,
        refusals,
        references=frozenset(stores),
        state=complete.image_status.value,
    )


async def prepare_volume(
    work: Work, wanted: VolInstConfig, current: VolInstConfig | None
) -> Prepared[VolInstConfig]:
    db, scope = work.db, work.scope
    device = await records.find(db, scope, records.DEVICE, wanted.device_id)
    model = await records.find(db, scope, records.MODEL, device.model_id) if device else None
    image = await records.find_named(db, scope, records.IMAGE, wanted.image)
    complete = complete_volume(
        wanted, current, project=device.project_id if device else wanted.project_id
    )
    trust = await find_trust(
        db, scope.enterprise, complete.project_id, (image.id,) if image is not None else ()
    )
    refusals = admit_volume(complete, current, device=device, model=model, image=image, trust=trust)
    references = {complete.device_id, image.id if image is not None else ""}
    return Prepared(
        complete,
        refusals,
        references=frozenset(references),
        project_id=complete.project_id,
        device_id=complete.device_id,
        state=complete.type.value,
    )
