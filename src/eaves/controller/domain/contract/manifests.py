"""The manifest of an app bundle: drives, interfaces, rules, resources, configuration."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, Int64Text, JsonObject, OpenEnum, wire
from eaves.controller.domain.contract.datastores import ImageFormat


class AppType(OpenEnum):
    UNSPECIFIED = "APP_TYPE_UNSPECIFIED"
    VM = "APP_TYPE_VM"
    VM_RUNTIME = "APP_TYPE_VM_RUNTIME"
    CONTAINER = "APP_TYPE_CONTAINER"
    MODULE = "APP_TYPE_MODULE"
    DOCKER_COMPOSE = "APP_TYPE_DOCKER_COMPOSE"


class VariableGroupConditionOperator(OpenEnum):
    UNSPECIFIED = "CONDITION_OPERATOR_UNSPECIFIED"
    EQUALTO = "CONDITION_OPERATOR_EQUALTO"
    NOTEQUALTO = "CONDITION_OPERATOR_NOTEQUALTO"


class VariableGroupCondition(Contract):
    name: str = ""
    operator: VariableGroupConditionOperator = VariableGroupConditionOperator.UNSPECIFIED
    value: str = ""


class VariableFileEncoding(OpenEnum):
    UNSPECIFIED = "FILE_ENCODING_UNSPECIFIED"
    BASE64 = "FILE_ENCODING_BASE64"


class VariableVariableFormat(OpenEnum):
    UNSPECIFIED = "VARIABLE_FORMAT_UNSPECIFIED"
    TEXT = "VARIABLE_FORMAT_TEXT"
    NUMBER = "VARIABLE_FORMAT_NUMBER"
    FILE = "VARIABLE_FORMAT_FILE"
    DROPDOWN = "VARIABLE_FORMAT_DROPDOWN"
    BOOLEAN = "VARIABLE_FORMAT_BOOLEAN"
    PASSWORD = "VARIABLE_FORMAT_PASSWORD"  # noqa: S105 - a word of the contract


class VariableOptionVal(Contract):
    label: str = ""
    value: str = ""


class VariableGroupVariable(Contract):
    default: str = ""
    encode: VariableFileEncoding = VariableFileEncoding.UNSPECIFIED
    format: VariableVariableFormat = VariableVariableFormat.UNSPECIFIED
    label: str = ""
    max_length: str = ""
    name: str = ""
    options: tuple[VariableOptionVal, ...] = ()
    process_input: str = ""
    required: bool = False
    type: str = ""
    value: str = ""


class CustomConfigVariableGroup(Contract):
    condition: VariableGroupCondition | None = None
    name: str = ""
    required: bool = False
    variables: tuple[VariableGroupVariable, ...] = ()


class CustomConfig(Contract):
    add: bool = False
    allow_storage_resize: bool = False
    field_delimiter: str = ""
    name: str = ""
    override: bool = False
    template: str = ""
    variable_groups: tuple[CustomConfigVariableGroup, ...] = ()


class UserDataTemplate(Contract):
    custom_config: CustomConfig | None = None


class ContainerDetail(Contract):
    container_create_option: str = ""


class DeploymentType(OpenEnum):
    UNSPECIFIED = "DEPLOYMENT_TYPE_UNSPECIFIED"
    STAND_ALONE = "DEPLOYMENT_TYPE_STAND_ALONE"
    AZURE = "DEPLOYMENT_TYPE_AZURE"
    K3S = "DEPLOYMENT_TYPE_K3S"
    AWS = "DEPLOYMENT_TYPE_AWS"
    K3S_AZURE = "DEPLOYMENT_TYPE_K3S_AZURE"
    K3S_AWS = "DEPLOYMENT_TYPE_K3S_AWS"
    VMWARE_VCE = "DEPLOYMENT_TYPE_VMWARE_VCE"
    VMWARE_TKG_ATTACH = "DEPLOYMENT_TYPE_VMWARE_TKG_ATTACH"
    DOCKER_RUNTIME = "DEPLOYMENT_TYPE_DOCKER_RUNTIME"


class AppCategory(OpenEnum):
    UNSPECIFIED = "APP_CATEGORY_UNSPECIFIED"
    OPERATING_SYSTEM = "APP_CATEGORY_OPERATING_SYSTEM"
    INDUSTRIAL = "APP_CATEGORY_INDUSTRIAL"
    EDGE_APPLICATION = "APP_CATEGORY_EDGE_APPLICATION"
    NETWORKING = "APP_CATEGORY_NETWORKING"
    SECURITY = "APP_CATEGORY_SECURITY"
    DATA_ANALYTICS = "APP_CATEGORY_DATA_ANALYTICS"
    CLOUD_APPLICATION = "APP_CATEGORY_CLOUD_APPLICATION"
    DEVOPS = "APP_CATEGORY_DEVOPS"
    OTHERS = "APP_CATEGORY_OTHERS"


class ManifestDetails(Contract):
    agreement_list: dict[str, str] = Field(default_factory=dict)
    app_category: AppCategory = AppCategory.UNSPECIFIED
    category: str = ""
    license_list: dict[str, str] = Field(default_factory=dict)
    logo: dict[str, str] = Field(default_factory=dict)
    os: str = ""
    screenshot_list: dict[str, str] = Field(default_factory=dict)
    support: str = ""


class ImageDatastore(Contract):
    id: str = ""
    name: str = ""


class ManifestParam(Contract):
    name: str = ""
    value: str = ""


class VMManifestImage(Contract):
    cleartext: bool = False
    datastore: tuple[ImageDatastore, ...] = ()
    drvtype: str = ""
    ignorepurge: bool = False
    imageformat: ImageFormat = ImageFormat.FmtUnknown
    imageid: str = ""
    imagename: str = ""
    imagestatus: str = ""
    maxsize: Int64Text = 0
    mountpath: str = ""
    params: tuple[ManifestParam, ...] = ()
    preserve: bool = False
    readonly: bool = False
    target: str = ""
    volumelabel: str = ""


class ManifestLimit(Contract):
    limitburst: int = 0
    limitrate: int = 0
    limitunit: str = ""


class ManifestPortMap(Contract):
    app_port: int = 0


class ManifestAclAction(Contract):
    drop: bool = False
    limit: bool = False
    limit_value: ManifestLimit | None = None
    limitburst: int = 0
    limitrate: int = 0
    limitunit: str = ""
    portmap: bool = False
    portmapto: ManifestPortMap | None = None


class ManifestMatch(Contract):
    type: str = ""
    value: str = ""


class ManifestAcl(Contract):
    actions: tuple[ManifestAclAction, ...] = ()
    matches: tuple[ManifestMatch, ...] = ()
    name: str = ""


class ManifestInterface(Contract):
    acls: tuple[ManifestAcl, ...] = ()
    directattach: bool = False
    name: str = ""
    optional: bool = False
    privateip: bool = False
    type: str = ""


class ManifestAuthor(Contract):
    company: str = ""
    email: str = ""
    group: str = ""
    user: str = ""
    website: str = ""


class ManifestPermission(Contract):
    pass


class ManifestResource(Contract):
    name: str = ""
    value: str = ""


class DockerRuntimeProtocolVersion(OpenEnum):
    Unknown = "RuntimeProtocolVersion_Unknown"
    V1 = "RuntimeProtocolVersion_V1"


class DockerRuntimeVersion(OpenEnum):
    Unknown = "RuntimeVersion_Unknown"
    V1 = "RuntimeVersion_V1"


class VMManifest(Contract):
    persistent_runtime_size_bytes: Int64Text = wire("PersistentRuntimeSizeBytes", 0)
    ac_kind: str = ""
    ac_version: str = ""
    app_type: AppType = AppType.UNSPECIFIED
    configuration: UserDataTemplate | None = None
    container_detail: ContainerDetail | None = None
    cpu_pinning_enabled: bool = False
    deployment_type: DeploymentType = DeploymentType.UNSPECIFIED
    desc: ManifestDetails | None = None
    description: str = ""
    disable_vtpm: bool = wire("disableVTPM", False)
    display_name: str = ""
    docker_compose_tar_image_name: str = ""
    docker_compose_yaml_text: str = ""
    enable_oem_win_license_key: bool = False
    enablevnc: bool = False
    images: tuple[VMManifestImage, ...] = ()
    interfaces: tuple[ManifestInterface, ...] = ()
    module: JsonObject | None = None
    name: str = ""
    owner: ManifestAuthor | None = None
    permissions: tuple[ManifestPermission, ...] = ()
    resources: tuple[ManifestResource, ...] = ()
    runtime_protocol_version: DockerRuntimeProtocolVersion = DockerRuntimeProtocolVersion.Unknown
    runtime_version: DockerRuntimeVersion = DockerRuntimeVersion.Unknown
    vmmode: str = ""
