"""The result envelope, paging and the parts that every object shares."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, OpenEnum, Timestamp


class ZsrvErrorCode(OpenEnum):
    ERROR_NONE = "zMsgErrorNone"
    SUCCESS = "zMsgSucess"
    NOT_FOUND = "NotFound"
    ALREADY_EXISTS = "AlreadyExists"
    VERSION_MISMATCH = "VersionMismatch"
    RANGE_ERROR = "RangeError"
    LARGE_RESULT = "LargeResult"
    INCOMPLETE_DATA = "IncompleteData"
    INVALID_DATA = "InvalidData"
    FUNCTION_UNSUPPORTED = "FunctionUnsupported"
    NO_MEMORY = "NoMemory"
    SEND_FAILURE = "SendFailure"
    TIMEOUT = "Timeout"
    BAD_REQ_BODY = "BadReqBody"
    BAD_REQ_PARAM = "BadReqParam"
    INVALID_FIELD_FORMAT = "InvalidFieldFormat"
    URL_NOT_FOUND = "UrlNotFound"
    API_VERSION_NOT_SUPPORTED = "ApiVersionNotSupported"
    UNAUTHORIZED = "Unauthorized"
    FORBIDDEN = "Forbidden"
    CONFLICT = "Conflict"
    NOT_MODIFIED = "NotModified"
    DEPENDENCY_CONFLICT = "DependencyConflict"
    JSON_FMT_ERROR = "JsonFmtError"
    PROTO_FMT_ERROR = "ProtoFmtError"
    CERT_ERROR = "CertError"
    DATA_BASE_CONNECTION = "DataBaseConnection"
    DB_ERROR = "DBError"
    ACCEPTED = "zMsgAccepted"
    CREATED = "zMsgCreated"
    PRE_CONDITION_FAILED = "PreConditionFailed"
    INTERNAL_SERVER_ERROR = "InternalServerError"


class ZsrvError(Contract):
    details: str = ""
    ec: ZsrvErrorCode = ZsrvErrorCode.ERROR_NONE
    location: str = ""


class ObjectType(OpenEnum):
    UNSPECIFIED = "OBJECT_TYPE_UNSPECIFIED"
    USER = "OBJECT_TYPE_USER"
    EDGE_NODE = "OBJECT_TYPE_EDGE_NODE"
    EDGE_APP = "OBJECT_TYPE_EDGE_APP"
    IMAGE = "OBJECT_TYPE_IMAGE"
    EDGE_APP_INSTANCE = "OBJECT_TYPE_EDGE_APP_INSTANCE"
    PROJECT = "OBJECT_TYPE_PROJECT"
    NETWORK = "OBJECT_TYPE_NETWORK"
    DATASTORE = "OBJECT_TYPE_DATASTORE"
    SERVICE = "OBJECT_TYPE_SERVICE"
    SERVICE_INSTANCE = "OBJECT_TYPE_SERVICE_INSTANCE"
    ENTERPRISE = "OBJECT_TYPE_ENTERPRISE"
    ROLE = "OBJECT_TYPE_ROLE"
    CREDENTIAL = "OBJECT_TYPE_CREDENTIAL"
    NETWORK_INSTANCE = "OBJECT_TYPE_NETWORK_INSTANCE"
    VOLUME_INSTANCE = "OBJECT_TYPE_VOLUME_INSTANCE"
    REALM = "OBJECT_TYPE_REALM"
    AUTHPROFILE = "OBJECT_TYPE_AUTHPROFILE"
    POLICY = "OBJECT_TYPE_POLICY"
    APP_POLICY = "OBJECT_TYPE_APP_POLICY"
    CLUSTER_INSTANCE = "OBJECT_TYPE_CLUSTER_INSTANCE"
    PLUGIN = "OBJECT_TYPE_PLUGIN"
    DOC_POLICY = "OBJECT_TYPE_DOC_POLICY"
    ORCHESTRATOR_CLUSTER = "OBJECT_TYPE_ORCHESTRATOR_CLUSTER"
    TAGS = "OBJECT_TYPE_TAGS"
    EDGE_NODE_INTERFACE = "OBJECT_TYPE_EDGE_NODE_INTERFACE"
    DEPLOYMENT = "OBJECT_TYPE_DEPLOYMENT"
    ENTITLEMENTS = "OBJECT_TYPE_ENTITLEMENTS"
    DATA_STREAM = "OBJECT_TYPE_DATA_STREAM"
    API_USAGE = "OBJECT_TYPE_API_USAGE"
    APP_INSTANCE_SNAPSHOT = "OBJECT_TYPE_APP_INSTANCE_SNAPSHOT"
    PATCH_ENVELOPE = "OBJECT_TYPE_PATCH_ENVELOPE"
    RESOURCE_USAGE_TRACK = "OBJECT_TYPE_RESOURCE_USAGE_TRACK"
    PATCH_ENVELOPE_REFERENCE = "OBJECT_TYPE_PATCH_ENVELOPE_REFERENCE"
    DEV_PASSTHROUGH = "OBJECT_TYPE_DEV_PASSTHROUGH"
    EDGE_NODE_CLUSTER = "OBJECT_TYPE_EDGE_NODE_CLUSTER"
    ASSET_GROUP = "OBJECT_TYPE_ASSET_GROUP"
    APP_PROFILE = "OBJECT_TYPE_APP_PROFILE"
    PROFILE_DEPLOYMENT = "OBJECT_TYPE_PROFILE_DEPLOYMENT"
    ZKS_INSTANCE = "OBJECT_TYPE_ZKS_INSTANCE"
    CLUSTER_GROUP = "OBJECT_TYPE_CLUSTER_GROUP"


class ZcOpsStatus(OpenEnum):
    UNSPECIFIED = "OPS_STATUS_UNSPECIFIED"
    PENDING = "OPS_STATUS_PENDING"
    ONGOING = "OPS_STATUS_ONGOING"
    COMPLETE = "OPS_STATUS_COMPLETE"


class ZcOpsType(OpenEnum):
    UNSPECIFIED = "OPS_TYPE_UNSPECIFIED"
    READ = "OPS_TYPE_READ"
    DELETE = "OPS_TYPE_DELETE"
    CREATE = "OPS_TYPE_CREATE"
    UPDATE = "OPS_TYPE_UPDATE"
    LIST = "OPS_TYPE_LIST"


class ZsrvResponse(Contract):
    end_time: str = ""
    error: tuple[ZsrvError, ...] = ()
    http_status_code: int = 0
    http_status_msg: str = ""
    job_id: str = ""
    object_id: str = ""
    object_kind: str = ""
    object_name: str = ""
    object_revision: str = ""
    object_type: ObjectType = ObjectType.UNSPECIFIED
    operation_status: ZcOpsStatus = ZcOpsStatus.UNSPECIFIED
    operation_time: str = ""
    operation_type: ZcOpsType = ZcOpsType.UNSPECIFIED
    start_time: str = ""
    user: str = ""


class Cursor(Contract):
    order_by: tuple[str, ...] = ()
    page_num: int = 0
    page_size: int = 0
    page_token: str = ""
    total_pages: int = 0


class ObjectRevision(Contract):
    created_at: Timestamp = ""
    created_by: str = ""
    curr: str = ""
    prev: str = ""
    updated_at: Timestamp = ""
    updated_by: str = ""


class ObjectTag(Contract):
    description: str = ""
    key: str = ""
    value: str = ""


class ObjectTagsList(Contract):
    next: Cursor | None = None
    object_tags: tuple[ObjectTag, ...] = ()


class Summary(Contract):
    description: str = ""
    total: int = 0
    values: dict[str, int] = Field(default_factory=dict)


class ObjectParentDetail(Contract):
    id_of_parent_object: str = ""
    reference_exists: bool = False
    update_available: bool = False
    version_of_parent_object: int = 0


class OpsCounter(Contract):
    counter: int = 0
    ops_time: Timestamp = ""


class ObjectDetail(Contract):
    id: str = ""
    name: str = ""


class Origin(OpenEnum):
    UNSPECIFIED = "ORIGIN_UNSPECIFIED"
    IMPORTED = "ORIGIN_IMPORTED"
    LOCAL = "ORIGIN_LOCAL"
    GLOBAL = "ORIGIN_GLOBAL"
    APP_PROFILE_LOCAL = "ORIGIN_APP_PROFILE_LOCAL"
