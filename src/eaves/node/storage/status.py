"""What the controller is told about content trees, volumes and blobs.  Pure.

The state says how far a thing came; an error stands beside it and does not replace it.  A download
that keeps failing grows from a notice to an error.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.info import (
    ContentResources,
    DeviceEntity,
    Entity,
    ErrorInfo,
    Severity,
    UsageInfo,
    VolumeResources,
    ZInfoBlob,
    ZInfoBlobList,
    ZInfoContentTree,
    ZInfoVolume,
    ZSwState,
)
from eaves.evapi.metrics import ZMetricVolume
from eaves.ids import ContentTreeId, VolumeId
from eaves.node import refs
from eaves.node.storage.facts import BlobFact, StorageFacts
from eaves.node.storage.intent import StorageIntent, users_of
from eaves.node.storage.items import Volume
from eaves.reconcile.item import Fault, ItemRef, Progress
from eaves.reconcile.report import ItemState, Report, Status

WARNING_AFTER = (10, timedelta(hours=1))  # tries, time
ERROR_AFTER = (20, timedelta(hours=10))


def severity(fault: Fault, since: datetime | None) -> Severity:
    lasted = timedelta() if since is None else fault.at - since
    if fault.final or fault.attempts > ERROR_AFTER[0] or lasted > ERROR_AFTER[1]:
        return Severity.SEVERITY_ERROR
    if fault.attempts > WARNING_AFTER[0] or lasted > WARNING_AFTER[1]:
        return Severity.SEVERITY_WARNING
    return Severity.SEVERITY_NOTICE


def content_tree_infos(
    config: EdgeDevConfig, wished: StorageIntent, report: Report, facts: StorageFacts
) -> tuple[ZInfoContentTree, ...]:
    refusals = {refusal.ref: refusal.text for refusal in wished.refusals}
    users: dict[ItemRef, int] = {}
    for item in wished.items:
        if isinstance(item, Volume) and item.origin is not None:
            users[item.origin] = users.get(item.origin, 0) + 1
    infos: list[ZInfoContentTree] = []
    for wish in config.content_info:
        ref = refs.content_tree(ContentTreeId(wish.uuid.lower()), wish.generation_count)
        status = report.items.get(ref)
        fact = facts.trees.get(ref)
        state, percent = _tree_state(ref, status, facts)
        infos.append(
            ZInfoContentTree(
                uuid=wish.uuid,
                display_name=wish.display_name,
                sha256=wish.sha256 or ("" if fact is None else fact.digest),
                resources=ContentResources(
                    cur_size_bytes=0 if fact is None else fact.size_bytes,
                ),
                usage=UsageInfo(
                    create_time=None if fact is None else fact.made_at,
                    ref_count=users.get(ref, 0),
                ),
                state=state,
                progress_percentage=percent,
                err=_error(ref, status, refusals, facts),
                component_sha_list=() if fact is None else fact.components,
                generation_count=wish.generation_count,
            )
        )
    return tuple(infos)


def volume_infos(
    config: EdgeDevConfig, wished: StorageIntent, report: Report, facts: StorageFacts
) -> tuple[ZInfoVolume, ...]:
    refusals = {refusal.ref: refusal.text for refusal in wished.refusals}
    items = {item.ref: item for item in wished.items if isinstance(item, Volume)}
    users = users_of(config.apps)
    infos: list[ZInfoVolume] = []
    for wish in config.volumes:
        ref = refs.volume(VolumeId(wish.uuid.lower()), wish.generation_count)
        item = items.get(ref)
        origin = None if item is None else item.origin
        fact = facts.volumes.get(ref)
        state, percent = _volume_state(ref, origin, report, facts)
        error = _error(ref, report.items.get(ref), refusals, facts)
        if error is None and origin is not None:
            error = _error(origin, report.items.get(origin), refusals, facts)
        infos.append(
            ZInfoVolume(
                uuid=wish.uuid,
                display_name=wish.display_name,
                usage=UsageInfo(
                    create_time=None if fact is None else fact.made_at,
                    ref_count=users.get(ref, 0),
                ),
                resources=VolumeResources(
                    max_size_bytes=wish.maxsizebytes if fact is None else fact.max_bytes,
                    cur_size_bytes=0 if fact is None else fact.used_bytes,
                ),
                state=state,
                progress_percentage=percent,
                volume_err=error,
                generation_count=wish.generation_count,
            )
        )
    return tuple(infos)


def blob_infos(facts: StorageFacts) -> tuple[ZInfoBlobList, ...]:
    """One blob in each message."""
    return tuple(ZInfoBlobList(blob=(_blob(fact),)) for fact in facts.blobs)


def volume_metrics(config: EdgeDevConfig, facts: StorageFacts) -> tuple[ZMetricVolume, ...]:
    metrics: list[ZMetricVolume] = []
    for wish in config.volumes:
        fact = facts.volumes.get(refs.volume(VolumeId(wish.uuid.lower()), wish.generation_count))
        if fact is not None:
            metrics.append(
                ZMetricVolume(
                    uuid=wish.uuid,
                    display_name=wish.display_name,
                    total_bytes=fact.max_bytes,
                    used_bytes=fact.used_bytes,
                    free_bytes=max(0, fact.max_bytes - fact.used_bytes),
                )
            )
    return tuple(metrics)


def _blob(fact: BlobFact) -> ZInfoBlob:
    percent = 100 * fact.size_bytes // fact.total_bytes if fact.total_bytes else 0
    return ZInfoBlob(
        sha256=fact.sha256,
        resources=ContentResources(cur_size_bytes=fact.size_bytes),
        usage=UsageInfo(create_time=fact.at, ref_count=fact.users),
        state=ZSwState.DELIVERED if fact.verified else ZSwState.DOWNLOAD_STARTED,
        progress_percentage=100 if fact.verified else min(100, percent),
    )


def _tree_state(ref: ItemRef, status: Status | None, facts: StorageFacts) -> tuple[ZSwState, int]:
    if status is not None and status.state is ItemState.PRESENT:
        return ZSwState.DELIVERED, 100
    return _phase(_latest(ref, status, facts))


def _volume_state(
    ref: ItemRef, origin: ItemRef | None, report: Report, facts: StorageFacts
) -> tuple[ZSwState, int]:
    """Mirrors its content tree until that is here."""
    status = report.items.get(ref)
    if status is not None and status.state is ItemState.PRESENT:
        return ZSwState.CREATED_VOLUME, 100
    reached = _latest(ref, status, facts)
    if reached is None and origin is not None:
        return _tree_state(origin, report.items.get(origin), facts)
    return _phase(reached)


def _latest(ref: ItemRef, status: Status | None, facts: StorageFacts) -> Progress | None:
    if status is not None and status.progress is not None:
        return status.progress
    return facts.reached.get(ref)


def _phase(progress: Progress | None) -> tuple[ZSwState, int]:
    if progress is None:
        return ZSwState.INITIAL, 0
    state = ZSwState.__members__.get(progress.phase, ZSwState.INITIAL)
    done = {ZSwState.VERIFYING, ZSwState.LOADING}
    return state, 100 if state in done else progress.percent


def _error(
    ref: ItemRef, status: Status | None, refusals: Mapping[ItemRef, str], facts: StorageFacts
) -> ErrorInfo | None:
    entity = DeviceEntity(
        entity=Entity.ENTITY_VOLUME if ref.kind == "volume" else Entity.ENTITY_CONTENT_TREE,
        entity_id=ref.name.partition("#")[0],
    )
    if ref in refusals:
        return ErrorInfo(
            description=refusals[ref],
            severity=Severity.SEVERITY_ERROR,
            entities=(entity,),
            retry_condition="a change of the configuration",
        )
    if status is None or status.fault is None:
        return None
    fault = status.fault
    return ErrorInfo(
        description=fault.text,
        timestamp=fault.at,
        severity=severity(fault, facts.failing_since.get(ref)),
        entities=(entity,),
        retry_condition=_retry_condition(ref, fault, facts),
    )


def _retry_condition(ref: ItemRef, fault: Fault, facts: StorageFacts) -> str:
    if ref in facts.starved:
        return "when space is freed"
    if fault.retry_at is None:
        return "a change of the configuration"
    return f"tried again at {fault.retry_at:%Y-%m-%d %H:%M:%S} UTC"
