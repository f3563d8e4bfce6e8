"""Hardware catalogue: brands, models and their I/O members."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, OpenEnum, wire
from eaves.controller.domain.contract.envelope import (
    Cursor,
    ObjectParentDetail,
    ObjectRevision,
    Origin,
    Summary,
)


class SysModelState(OpenEnum):
    UNSPECIFIED = "SYS_MODEL_STATE_UNSPECIFIED"
    ARCHIVE = "SYS_MODEL_STATE_ARCHIVE"
    ACTIVE = "SYS_MODEL_STATE_ACTIVE"


class SysBrand(Contract):
    attr: dict[str, str] = Field(default_factory=dict)
    description: str = ""
    id: str = ""
    logo: dict[str, str] = Field(default_factory=dict)
    name: str = ""
    origin_type: Origin = Origin.UNSPECIFIED
    revision: ObjectRevision | None = None
    state: SysModelState = SysModelState.UNSPECIFIED
    svg: str = ""
    system_mfg_name: str = ""
    title: str = ""


class SysBrands(Contract):
    list: tuple[SysBrand, ...] = ()
    next: Cursor | None = None
    terse: Summary | None = None


class PCRType(OpenEnum):
    UNSPECIFIED = "PCR_TYPE_UNSPECIFIED"
    HASH = "PCR_TYPE_HASH"
    EVENT_LOG = "PCR_TYPE_EVENT_LOG"


class PCRValue(Contract):
    index: int = 0
    type: PCRType = PCRType.UNSPECIFIED
    value: str = ""


class PCRTemplate(Contract):
    pcr_values: tuple[PCRValue, ...] = wire("PCRValues", ())
    eve_version: str = ""
    firmware_version: str = ""
    id: str = ""
    name: str = ""


class PCRTemplatesInfo(Contract):
    next: Cursor | None = None
    templates: tuple[PCRTemplate, ...] = ()


class PCRTemplatesReq(Contract):
    model_id: str = ""
    templates: tuple[PCRTemplate, ...] = ()


class AdapterUsage(OpenEnum):
    UNSPECIFIED = "ADAPTER_USAGE_UNSPECIFIED"
    MANAGEMENT = "ADAPTER_USAGE_MANAGEMENT"
    APP_DIRECT = "ADAPTER_USAGE_APP_DIRECT"
    APP_SHARED = "ADAPTER_USAGE_APP_SHARED"
    DISABLED = "ADAPTER_USAGE_DISABLED"
    VLANS_ONLY = "ADAPTER_USAGE_VLANS_ONLY"
    BOND_MEMBER = "ADAPTER_USAGE_BOND_MEMBER"


class Vfs(Contract):
    count: int = 0


class IoType(OpenEnum):
    UNSPECIFIED = "IO_TYPE_UNSPECIFIED"
    ETH = "IO_TYPE_ETH"
    USB = "IO_TYPE_USB"
    COM = "IO_TYPE_COM"
    AUDIO = "IO_TYPE_AUDIO"
    WLAN = "IO_TYPE_WLAN"
    WWAN = "IO_TYPE_WWAN"
    HDMI = "IO_TYPE_HDMI"
    LTE = "IO_TYPE_LTE"
    STORAGE_NVME_DEVICE = "IO_TYPE_STORAGE_NVME_DEVICE"
    STORAGE_SATA_DEVICE = "IO_TYPE_STORAGE_SATA_DEVICE"
    ETH_PF = "IO_TYPE_ETH_PF"
    ETH_VF = "IO_TYPE_ETH_VF"
    USB_CONTROLLER = "IO_TYPE_USB_CONTROLLER"
    USB_DEVICE = "IO_TYPE_USB_DEVICE"
    CAN = "IO_TYPE_CAN"
    VCAN = "IO_TYPE_VCAN"
    LCAN = "IO_TYPE_LCAN"
    VLAN = "IO_TYPE_VLAN"
    OTHER = "IO_TYPE_OTHER"


class IoMember(Contract):
    assigngrp: str = ""
    cbattr: dict[str, str] = Field(default_factory=dict)
    cost: int = 0
    logicallabel: str = ""
    parentassigngrp: str = ""
    phyaddrs: dict[str, str] = Field(default_factory=dict)
    phylabel: str = ""
    usage: AdapterUsage = AdapterUsage.UNSPECIFIED
    usage_policy: dict[str, bool] = Field(default_factory=dict)
    vfs: Vfs | None = None
    ztype: IoType = IoType.UNSPECIFIED


class ModelArchType(OpenEnum):
    UNSPECIFIED = "UNSPECIFIED"
    UNDEFINED = "UNDEFINED"
    AMD64 = "AMD64"
    ARM64 = "ARM64"


class SysModel(Contract):
    pcr_templates: tuple[PCRTemplate, ...] = wire("PCRTemplates", ())
    attr: dict[str, str] = Field(default_factory=dict)
    brand_id: str = ""
    brand_name: str = ""
    description: str = ""
    id: str = ""
    io_member_list: tuple[IoMember, ...] = ()
    is_imported: bool = False
    logo: dict[str, str] = Field(default_factory=dict)
    name: str = ""
    origin_type: Origin = Origin.UNSPECIFIED
    parent_detail: ObjectParentDetail | None = None
    product_status: str = ""
    product_url: str = wire("productURL", "")
    revision: ObjectRevision | None = None
    state: SysModelState = SysModelState.UNSPECIFIED
    title: str = ""
    type: ModelArchType = ModelArchType.UNSPECIFIED


class SysModels(Contract):
    list: tuple[SysModel, ...] = ()
    next: Cursor | None = None
    summary_by_brand_distribution: Summary | None = None
    summary_by_device_distribution: Summary | None = None
    terse: Summary | None = None
