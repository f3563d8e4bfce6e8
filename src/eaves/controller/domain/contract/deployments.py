"""Deployments of a project: policies that nodes pick by tags."""

from eaves.controller.domain.contract.app_policies import (
    AppInstPolicy,
    NetworkInstPolicy,
    PolicyCommon,
    VolumeInstPolicy,
)
from eaves.controller.domain.contract.base import Contract, JsonObject, OpenEnum
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary


class DeviceAttestPolicyType(OpenEnum):
    UNSPECIFIED = "DEVICE_ATTEST_POLICY_TYPE_UNSPECIFIED"
    ACCEPT = "DEVICE_ATTEST_POLICY_TYPE_ACCEPT"
    ENFORCE = "DEVICE_ATTEST_POLICY_TYPE_ENFORCE"


class DeviceAttestationPolicy(Contract):
    type: DeviceAttestPolicyType = DeviceAttestPolicyType.UNSPECIFIED


class DevicePolicyType(OpenEnum):
    UNSPECIFIED = "DEVICE_POLICY_TYPE_UNSPECIFIED"
    ATTESTATION = "DEVICE_POLICY_TYPE_ATTESTATION"
    PCR = "DEVICE_POLICY_TYPE_PCR"
    PORT_BASED_NETWORK_ACCESS_CONTROL = "DEVICE_POLICY_TYPE_PORT_BASED_NETWORK_ACCESS_CONTROL"


class DevicePolicy(Contract):
    attestation_policy: DeviceAttestationPolicy | None = None
    meta_data: PolicyCommon | None = None
    pcr_policy: JsonObject | None = None
    policy_sub_type: DevicePolicyType = DevicePolicyType.UNSPECIFIED
    port_based_network_access_control_policy: JsonObject | None = None


class Deployment(Contract):
    app_inst_policies: tuple[AppInstPolicy, ...] = ()
    cluster_policy: JsonObject | None = None
    deployment_tag: str = ""
    device_policies: tuple[DevicePolicy, ...] = ()
    edgeview_policy: JsonObject | None = None
    id: str = ""
    integration_policy: JsonObject | None = None
    name: str = ""
    network_inst_policies: tuple[NetworkInstPolicy, ...] = ()
    project_id: str = ""
    revision: ObjectRevision | None = None
    title: str = ""
    volume_inst_policies: tuple[VolumeInstPolicy, ...] = ()


class DeploymentConfigSummary(Contract):
    app_inst_policies: tuple[PolicyCommon, ...] = ()
    cluster_policy: PolicyCommon | None = None
    deployment_tag: str = ""
    device_policies: tuple[PolicyCommon, ...] = ()
    edge_view_policy: PolicyCommon | None = None
    id: str = ""
    integration_policy: PolicyCommon | None = None
    name: str = ""
    network_inst_policies: tuple[PolicyCommon, ...] = ()
    revision: ObjectRevision | None = None
    title: str = ""
    volume_inst_policies: tuple[PolicyCommon, ...] = ()


class Deployments(Contract):
    list: tuple[DeploymentConfigSummary, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None
