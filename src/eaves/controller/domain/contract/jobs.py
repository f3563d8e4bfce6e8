"""Bulk jobs: one operation on many objects, with a result for each."""

from pydantic import Field

from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.base import Contract, OpenEnum, Timestamp, wire
from eaves.controller.domain.contract.devices import BaseOSImage
from eaves.controller.domain.contract.envelope import (
    Cursor,
    ObjectRevision,
    ObjectType,
    Summary,
)
from eaves.controller.domain.contract.netinsts import NetInstConfig


class BulkService(OpenEnum):
    UNSPECIFIED = "BULK_SERVICE_UNSPECIFIED"
    BASEOS_UPDATE = "BULK_SERVICE_BASEOS_UPDATE"
    APPINSTANCE_DEPLOY = "BULK_SERVICE_APPINSTANCE_DEPLOY"
    APPINSTANCE_REFRESH = "BULK_SERVICE_APPINSTANCE_REFRESH"
    APPINSTANCE_PURGE = "BULK_SERVICE_APPINSTANCE_PURGE"
    MODEL_IMPORT = "BULK_SERVICE_MODEL_IMPORT"
    BUNDLE_IMPORT = "BULK_SERVICE_BUNDLE_IMPORT"
    APPINSTANCE_CERT_UPDATE = "BULK_SERVICE_APPINSTANCE_CERT_UPDATE"
    APPINSTANCE_DELETE = "BULK_SERVICE_APPINSTANCE_DELETE"
    BASEOS_UPDATE_RETRY = "BULK_SERVICE_BASEOS_UPDATE_RETRY"
    APPINSTANCE_UPDATE = "BULK_SERVICE_APPINSTANCE_UPDATE"
    DEVICE_TAG_UPDATE = "BULK_SERVICE_DEVICE_TAG_UPDATE"
    DEVICE_TAG_DEPLOYMENT_UPDATE = "BULK_SERVICE_DEVICE_TAG_DEPLOYMENT_UPDATE"
    DEVICE_PROJECT_AND_TARGET_UPDATE = "BULK_SERVICE_DEVICE_PROJECT_AND_TARGET_UPDATE"
    DEPLOYMENT_CREATE = "BULK_SERVICE_DEPLOYMENT_CREATE"
    APPLY_PATCH_ENVELOPE = "BULK_SERVICE_APPLY_PATCH_ENVELOPE"


class JobStatus(OpenEnum):
    UNSPECIFIED = "JOB_STATUS_UNSPECIFIED"
    INITIALIZED = "JOB_STATUS_INITIALIZED"
    READY = "JOB_STATUS_READY"
    INPROGRESS = "JOB_STATUS_INPROGRESS"
    COMPLETED = "JOB_STATUS_COMPLETED"
    FAILED = "JOB_STATUS_FAILED"
    ABORTED = "JOB_STATUS_ABORTED"


class SelectionCriteria(Contract):
    bundle_id: str = ""
    device_id_list: tuple[str, ...] = ()
    project_id: str = ""


class JobConfig(Contract):
    description: str = ""
    error_detail_of_job: str = ""
    finish_time: Timestamp = ""
    id: str = ""
    individual_op_status: dict[str, str] = Field(default_factory=dict)
    name: str = Field(default="", max_length=256)
    object_list: tuple[str, ...] = ()
    object_type: ObjectType = ObjectType.UNSPECIFIED
    operation_type: BulkService = BulkService.UNSPECIFIED
    project_id: str = ""
    revision: ObjectRevision | None = None
    selection_criteria: SelectionCriteria | None = None
    start_time: Timestamp = ""
    status: JobStatus = JobStatus.UNSPECIFIED
    title: str = ""


class JobConfigList(Contract):
    list: tuple[JobConfig, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None


class BaseosUpdate(Contract):
    baseimage: BaseOSImage | None = None


class TagUpdate(Contract):
    override: bool = False
    tags: dict[str, str] = Field(default_factory=dict)


class DeploymentTagUpdate(Contract):
    deployment_tag: str = ""


class DeviceProjectAndTargetUpdate(Contract):
    deployment_tag: str = ""
    override: bool = False
    project_id: str = ""
    tags: dict[str, str] = Field(default_factory=dict)


class AppInstanceRefreshAndPurge(Contract):
    purge: bool = False


class NetworkConfigOrDefault(Contract):
    net_instance_config: NetInstConfig | None = None
    net_instance_default: bool = False


class BulkInstanceConfig(Contract):
    app_instance_config: AppInstance | None = None
    device_id: str = ""
    net_instance_config: tuple[NetInstConfig, ...] = ()
    net_instance_detail: NetworkConfigOrDefault | None = None


class AppInstanceDeploy(Contract):
    instance_config: tuple[BulkInstanceConfig, ...] = ()


class ModelAttributes(Contract):
    cpus: str = ""
    memory: str = ""
    storage: str = ""


class CustomUpdateModelFields(Contract):
    custom_model_attributes: ModelAttributes | None = None


class SysModelDetail(Contract):
    custom_model_fields: CustomUpdateModelFields | None = None
    name: str = ""
    parent_model_id: str = ""


class ModelImport(Contract):
    models: tuple[SysModelDetail, ...] = wire("modelConfig", ())


class BundleDetail(Contract):
    name: str = ""
    parent_bundle_id: str = ""


class BundleImport(Contract):
    bundle_config: tuple[BundleDetail, ...] = ()


class BulkConfig(Contract):
    """What a bulk operation is asked for: which objects, and what to do with them."""

    baseos_update: BaseosUpdate | None = None
    bundle_import: BundleImport | None = None
    deployment_tag_update: DeploymentTagUpdate | None = None
    device_project_and_target_update: DeviceProjectAndTargetUpdate | None = None
    instance_deploy: AppInstanceDeploy | None = None
    instance_refresh_and_purge: AppInstanceRefreshAndPurge | None = None
    job_id: str = ""
    job_name: str = Field(default="", max_length=256)
    model_import: ModelImport | None = None
    selection_criteria: SelectionCriteria | None = None
    tag_update: TagUpdate | None = None
