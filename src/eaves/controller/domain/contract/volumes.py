"""Volume instances."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, Int64Text, OpenEnum, wire
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, OpsCounter, Summary


class VolumeInstanceAccessMode(OpenEnum):
    INVALID = "VOLUME_INSTANCE_ACCESS_MODE_INVALID"
    READWRITE = "VOLUME_INSTANCE_ACCESS_MODE_READWRITE"
    READONLY = "VOLUME_INSTANCE_ACCESS_MODE_READONLY"
    MULTIREAD_SINGLEWRITE = "VOLUME_INSTANCE_ACCESS_MODE_MULTIREAD_SINGLEWRITE"


class VolInstEdgeNodeCluster(Contract):
    designated_node_id: str = wire("designatedNodeID", "")
    id: str = ""


class VolumeInstanceType(OpenEnum):
    UNSPECIFIED = "VOLUME_INSTANCE_TYPE_UNSPECIFIED"
    EMPTYDIR = "VOLUME_INSTANCE_TYPE_EMPTYDIR"
    BLOCKSTORAGE = "VOLUME_INSTANCE_TYPE_BLOCKSTORAGE"
    HOSTFS = "VOLUME_INSTANCE_TYPE_HOSTFS"
    TMPFS = "VOLUME_INSTANCE_TYPE_TMPFS"
    SECRET = "VOLUME_INSTANCE_TYPE_SECRET"  # noqa: S105 - a word of the contract
    NFS = "VOLUME_INSTANCE_TYPE_NFS"
    AWS_BLOCK_STORAGE = "VOLUME_INSTANCE_TYPE_AWS_BLOCK_STORAGE"
    CONTENT_TREE = "VOLUME_INSTANCE_TYPE_CONTENT_TREE"


class VolInstConfig(Contract):
    accessmode: VolumeInstanceAccessMode = VolumeInstanceAccessMode.INVALID
    cleartext: bool = False
    content_tree_id: str = ""
    description: str = ""
    device_id: str = ""
    edge_node_cluster: VolInstEdgeNodeCluster | None = None
    id: str = ""
    image: str = ""
    implicit: bool = False
    label: str = ""
    multiattach: bool = False
    name: str = ""
    patchartifactvolume: str = ""
    project_id: str = ""
    purge: OpsCounter | None = None
    revision: ObjectRevision | None = None
    size_bytes: Int64Text = 0
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""
    type: VolumeInstanceType = VolumeInstanceType.UNSPECIFIED


class VolInstShortConfig(Contract):
    device_id: str = ""
    id: str = ""
    name: str = ""
    project_id: str = ""
    type: VolumeInstanceType = VolumeInstanceType.UNSPECIFIED


class VolInstList(Contract):
    cfg_list: tuple[VolInstConfig, ...] = ()
    list: tuple[VolInstShortConfig, ...] = ()
    next: Cursor | None = None
    summary_by_type: Summary | None = None
