"""The resources that follow the common pattern, one line of rules each."""

from dataclasses import replace
from typing import Any

from eaves.controller.domain.contract.alerts import AlertChannel, AlertRule
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.auth_profiles import AuthorizationProfile
from eaves.controller.domain.contract.catalogue import SysBrand, SysModel
from eaves.controller.domain.contract.datastores import DatastoreInfo, ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.enrolment import SCEPProfile
from eaves.controller.domain.contract.envelope import ObjectType
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.patches import PatchEnvelope
from eaves.controller.domain.contract.profiles import (
    AppProfileRead,
    AssetGroupRead,
    ProfileDeployment,
)
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.roles import Role
from eaves.controller.domain.contract.users import DetailedUser, Realm
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.render.projects import reaches_devices
from eaves.controller.domain.secrets import USER_DATA
from eaves.controller.northbound import lists, policies, records
from eaves.controller.northbound.crud import Resource, Told
from eaves.controller.northbound.resources import (
    alerts,
    apps,
    auth_profiles,
    enrolment,
    hardware,
    networking,
    patches,
    people,
    profiles,
    storage,
)
from eaves.controller.northbound.resources.facts import (
    app_facts,
    device_facts,
    facts_of_carried,
    instance_facts,
    project_facts,
    realm_facts,
    role_facts,
    user_facts,
    volume_facts,
)
from eaves.controller.northbound.resources.limits import refuse_more_devices, refuse_more_users
from eaves.controller.northbound.resources.reading import (
    present_app,
    present_instance,
    present_model,
    present_project,
    projects_of_this_moment,
)

BRANDS: Resource[SysBrand] = Resource(
    "/v1/brands", records.BRAND, ObjectType.UNSPECIFIED, hardware.prepare_brand, lists.brands
)
MODELS: Resource[SysModel] = Resource(
    "/v1/sysmodels",
    records.MODEL,
    ObjectType.UNSPECIFIED,
    hardware.prepare_model,
    lists.models,
    present=present_model,
)
PROJECTS: Resource[Tag] = Resource(
    "/v1/projects",
    records.PROJECT,
    ObjectType.PROJECT,
    hardware.prepare_project,
    lists.projects,
    present=present_project,
    of_this_moment=projects_of_this_moment,
    reaches=reaches_devices,
    after_write=hardware.project_written,
)
ROLES: Resource[Role] = Resource(
    "/v1/roles",
    records.ROLE,
    ObjectType.ROLE,
    people.prepare_role,
    lists.roles,
    facts=role_facts,
    before_delete=people.keep_role,
)
USERS: Resource[DetailedUser] = Resource(
    "/v1/users",
    records.USER,
    ObjectType.USER,
    people.prepare_user,
    lists.users,
    facts=user_facts,
    present=people.present_user,
    of_this_moment=people.with_visits,
    before_create=refuse_more_users,
    after_write=people.user_written,
    before_delete=people.keep_user,
)
REALMS: Resource[Realm] = Resource(
    "/v1/realms",
    records.REALM,
    ObjectType.REALM,
    people.prepare_realm,
    lists.realms,
    facts=realm_facts,
)
AUTH_PROFILES: Resource[AuthorizationProfile] = Resource(
    "/v1/authorization/profiles",
    records.AUTH_PROFILE,
    ObjectType.AUTHPROFILE,
    auth_profiles.prepare_auth_profile,
    lists.auth_profiles,
    before_delete=auth_profiles.let_go_of_provider,
    after_write=auth_profiles.end_sessions,
    told=Told(auth_profiles.SECRETS, auth_profiles.with_provider_secrets),
)
NETWORKS: Resource[NetConfig] = Resource(
    "/v1/networks",
    records.NETWORK,
    ObjectType.NETWORK,
    networking.prepare_network,
    lists.networks,
    facts=project_facts,
    before_replace=networking.leave_default,
)
NETINSTS: Resource[NetInstConfig] = Resource(
    "/v1/netinsts",
    records.NETINST,
    ObjectType.NETWORK_INSTANCE,
    networking.prepare_netinst,
    lists.counted(lists.netinsts, lambda item: item.kind),
    make_counted=lists.netinsts,
    facts=facts_of_carried,
    before_edit=policies.refuse_edit,
    before_delete=policies.refuse_delete,
)
DATASTORES: Resource[DatastoreInfo] = Resource(
    "/v1/datastores",
    records.DATASTORE,
    ObjectType.DATASTORE,
    storage.prepare_datastore,
    lists.datastores,
    told=Told(
        frozenset({storage.API_KEY, storage.API_PASSWORD, storage.OUTER_API_KEY}),
        storage.with_secrets,
    ),
)
IMAGES: Resource[ImageConfig] = Resource(
    "/v1/apps/images", records.IMAGE, ObjectType.IMAGE, storage.prepare_image, lists.images
)
VOLUMES: Resource[VolInstConfig] = Resource(
    "/v1/volumes/instances",
    records.VOLUME,
    ObjectType.VOLUME_INSTANCE,
    storage.prepare_volume,
    lists.counted(lists.volumes, lambda item: item.type),
    make_counted=lists.volumes,
    facts=volume_facts,
    before_edit=policies.refuse_edit,
    before_delete=policies.refuse_delete,
)
DEVICES: Resource[DeviceConfig] = Resource(
    "/v1/devices",
    records.DEVICE,
    ObjectType.EDGE_NODE,
    hardware.prepare_device,
    lists.counted(lists.devices, lambda item: item.admin_state),
    make_counted=lists.devices,
    facts=device_facts,
    before_create=refuse_more_devices,
    after_write=hardware.device_written,
    before_delete=hardware.device_leaves,
)
APPS: Resource[App] = Resource(
    "/v1/apps",
    records.APP,
    ObjectType.EDGE_APP,
    apps.prepare_app,
    lists.apps,
    of_this_moment=apps.of_this_moment,
    facts=app_facts,
    present=present_app,
)
INSTANCES: Resource[AppInstance] = Resource(
    "/v1/apps/instances",
    records.APP_INSTANCE,
    ObjectType.EDGE_APP_INSTANCE,
    apps.prepare_instance,
    lists.counted(lists.instances, lists.activity),
    make_counted=lists.instances,
    facts=instance_facts,
    present=present_instance,
    before_edit=policies.refuse_edit,
    before_delete=policies.refuse_delete,
    told=Told(frozenset({USER_DATA}), apps.with_user_data),
)

APP_PROFILES: Resource[AppProfileRead] = Resource(
    "/v1/appprofiles",
    records.APP_PROFILE,
    ObjectType.APP_PROFILE,
    profiles.prepare_profile,
    lists.app_profiles,
    present=profiles.present_profile,
    after_write=profiles.store_version,
    before_delete=profiles.release_bundles,
)
ASSET_GROUPS: Resource[AssetGroupRead] = Resource(
    "/v1/assetgroups",
    records.ASSET_GROUP,
    ObjectType.ASSET_GROUP,
    profiles.prepare_group,
    lists.asset_groups,
    facts=profiles.group_facts,
    present=profiles.present_group,
    after_write=profiles.group_written,
)
PROFILE_DEPLOYMENTS: Resource[ProfileDeployment] = Resource(
    "/v1/profiledeployments",
    records.PROFILE_DEPLOYMENT,
    ObjectType.PROFILE_DEPLOYMENT,
    profiles.prepare_profile_deployment,
    lists.profile_deployments,
    present=profiles.present_profile_deployment,
    after_write=profiles.profile_deployment_written,
    after_delete=profiles.profile_deployment_written,
)

PATCH_ENVELOPES: Resource[PatchEnvelope] = Resource(
    "/v1/patch-envelope",
    records.PATCH_ENVELOPE,
    ObjectType.UNSPECIFIED,
    patches.prepare_envelope,
    patches.envelopes,
    facts=patches.envelope_facts,
)
INSTANCES_V2 = replace(INSTANCES, path="/v2/apps/instances")  # the same objects

CEPS: Resource[SCEPProfile] = Resource(
    "/v1/ceps",
    records.CEP,
    ObjectType.UNSPECIFIED,
    enrolment.prepare_cep,
    lists.ceps,
    present=enrolment.present_cep,
)

ALERT_RULES: Resource[AlertRule] = Resource(
    "/v1/eaves/alert-rules",
    records.ALERT_RULE,
    ObjectType.UNSPECIFIED,
    alerts.prepare_rule,
    alerts.rules,
    before_create=alerts.refuse_more_rules,
    before_delete=alerts.keep_of_all_rules,
)
ALERT_CHANNELS: Resource[AlertChannel] = Resource(
    "/v1/eaves/alert-channels",
    records.ALERT_CHANNEL,
    ObjectType.UNSPECIFIED,
    alerts.prepare_channel,
    alerts.channels,
    before_create=alerts.refuse_more_channels,
    before_delete=alerts.keep_of_all_channels,
)

ALL: tuple[Resource[Any], ...] = (  # each of its own type; the pattern treats them alike
    BRANDS,
    MODELS,
    PROJECTS,
    ROLES,
    USERS,
    REALMS,
    AUTH_PROFILES,
    NETWORKS,
    NETINSTS,
    DATASTORES,
    IMAGES,
    VOLUMES,
    DEVICES,
    APPS,
    INSTANCES,
    INSTANCES_V2,
    CEPS,
    APP_PROFILES,
    ASSET_GROUPS,
    PROFILE_DEPLOYMENTS,
    PATCH_ENVELOPES,
    ALERT_RULES,
    ALERT_CHANNELS,
)
