"""Models of the global catalogue, imported by a job: one result for each."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from eaves.controller.domain.admission.refusal import NAME, Refusal, invalid, unknown
from eaves.controller.domain.contract.jobs import BulkConfig, SysModelDetail
from eaves.controller.northbound.bulk.made import Made
from eaves.controller.northbound.global_hardware import GLOBAL_MODEL, import_model, shipped
from eaves.controller.northbound.work import Work
from eaves.controller.store.bulk_jobs import Found, JobObject

AT: Final = "modelImport.modelConfig"
MOST: Final = 1000


async def check(_work: Work, config: BulkConfig) -> tuple[Refusal, ...]:
    wanted = _asked(config)
    if not wanted:
        return (invalid(AT, f"no model is given; set {AT}[].parentModelId"),)
    if len(wanted) > MOST:
        return (invalid(AT, f"{len(wanted)} models are given, {MOST} are allowed"),)
    catalogue = await shipped()
    times = Counter(one.parent_model_id for one in wanted)
    refusals: list[Refusal] = []
    for index, one in enumerate(wanted):
        at = f"{AT}[{index}]"
        if catalogue.find_model(model_id=one.parent_model_id) is None:
            refusals.append(unknown(GLOBAL_MODEL, one.parent_model_id, f"{at}.parentModelId"))
        elif times[one.parent_model_id] > 1:
            refusals.append(invalid(f"{at}.parentModelId", "the model is given twice"))
        if one.name and not NAME.fullmatch(one.name):
            refusals.append(invalid(f"{at}.name", f"{one.name!r} is no name of a model"))
    return tuple(refusals)


def models_of(config: BulkConfig) -> Sequence[Found]:
    return [
        Found(one.parent_model_id, one.name or one.parent_model_id, "", index)
        for index, one in enumerate(_asked(config))
    ]


async def import_one(work: Work, one: JobObject, config: BulkConfig) -> Made:
    wanted = _asked(config)[one.part]
    fields = wanted.custom_model_fields
    custom = fields.custom_model_attributes if fields is not None else None
    figures = (
        {}
        if custom is None
        else {
            "memory": custom.memory,
            "storage": custom.storage,
            "Cpus": custom.cpus,
        }
    )
    attr = {key: text for key, text in figures.items() if text}
    copy = await import_model(work, await shipped(), one.object_id, attr, name=wanted.name)
    return Made(f"imported as {copy.name}", copy.id)


def _asked(config: BulkConfig) -> tuple[SysModelDetail, ...]:
    return config.model_import.models if config.model_import is not None else ()
