"""Status of volume instances."""

from eaves.controller.domain.contract.base import Contract, Int64Text, JsonObject, Timestamp, wire
from eaves.controller.domain.contract.envelope import Cursor, Summary
from eaves.controller.domain.contract.statuses import DeviceError, RunState, SWState
from eaves.controller.domain.contract.volumes import VolumeInstanceType


class VolInstResource(Contract):
    cur_size_bytes: Int64Text = 0
    max_size_bytes: Int64Text = 0


class DeviceObjectUsageInfo(Contract):
    create_time: Timestamp = ""
    last_ref_count_change_time: Timestamp = ""
    ref_count: int = 0


class BlobInfo(Contract):
    state: SWState = wire("State", SWState.UNSPECIFIED)
    err_info: DeviceError | None = None
    progress_percentage: int = 0
    resource: VolInstResource | None = None
    sha256: str = ""
    usage: DeviceObjectUsageInfo | None = None


class VolInstStatusMsg(Contract):
    blobs: tuple[BlobInfo, ...] = ()
    cluster_vol_instance_status: JsonObject | None = None
    device_id: str = ""
    device_state: SWState = SWState.UNSPECIFIED
    err_info: tuple[DeviceError, ...] = ()
    id: str = ""
    name: str = ""
    progress_percentage: int = 0
    project_id: str = ""
    raw_status: str = ""
    resource: VolInstResource | None = None
    run_state: RunState = RunState.UNSPECIFIED
    sha256: str = ""
    type: VolumeInstanceType = VolumeInstanceType.UNSPECIFIED
    usage: DeviceObjectUsageInfo | None = None


class VolInstStatusSummaryMsg(Contract):
    cluster_vol_instance_status: JsonObject | None = None
    create_time: Timestamp = ""
    device_id: str = ""
    device_name: str = ""
    device_state: SWState = SWState.UNSPECIFIED
    edge_node_cluster_id: str = wire("edgeNodeClusterID", "")
    id: str = ""
    name: str = ""
    progress_percentage: int = 0
    project_id: str = ""
    project_name: str = ""
    run_state: RunState = RunState.UNSPECIFIED
    type: VolumeInstanceType = VolumeInstanceType.UNSPECIFIED


class VolInstStatusListMsg(Contract):
    list: tuple[VolInstStatusSummaryMsg, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None
    summary_by_type: Summary | None = None
    total_count: int = 0
