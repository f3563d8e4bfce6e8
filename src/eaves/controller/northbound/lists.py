"""The shapes of list replies: each kind of object has its own, and its own counts."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from eaves.controller.domain.contract.apps import (
    App,
    AppInstance,
    AppInstances,
    Apps,
    AppSummary,
    VMManifestSummary,
)
from eaves.controller.domain.contract.auth_profiles import (
    AuthorizationProfile,
    AuthorizationProfiles,
)
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.catalogue import SysBrand, SysBrands, SysModel, SysModels
from eaves.controller.domain.contract.datastores import (
    DatastoreInfo,
    Datastores,
    ImageConfig,
    Images,
)
from eaves.controller.domain.contract.devices import (
    DeviceConfig,
    DeviceConfigList,
    DeviceConfigSummary,
)
from eaves.controller.domain.contract.enrolment import SCEPProfile, SCEPProfiles
from eaves.controller.domain.contract.netinsts import (
    NetInstConfig,
    NetInstList,
    NetInstShortConfig,
)
from eaves.controller.domain.contract.networks import NetConfig, NetConfigList
from eaves.controller.domain.contract.profiles import (
    AppProfileConfigSummary,
    AppProfileRead,
    AppProfiles,
    AssetGroup,
    AssetGroupList,
    AssetGroupRead,
    ProfileDeployment,
    ProfileDeploymentList,
)
from eaves.controller.domain.contract.projects import Tag, Tags
from eaves.controller.domain.contract.roles import Role, Roles
from eaves.controller.domain.contract.stored import short_form
from eaves.controller.domain.contract.users import (
    DetailedUser,
    DetailedUsers,
    Enterprise,
    Enterprises,
    Realm,
    Realms,
)
from eaves.controller.domain.contract.volumes import (
    VolInstConfig,
    VolInstList,
    VolInstShortConfig,
)
from eaves.controller.northbound.paging import Page, Row, summary_from, summary_of

T = TypeVar("T", bound=Contract)
S = TypeVar("S", bound=Contract)


def _items(page: Page[T]) -> tuple[T, ...]:
    return tuple(row.item for row in page.rows)


def counted(
    make: Callable[[Page[T], Mapping[str, int]], JsonObject], value_of: Callable[[T], str]
) -> Callable[[Page[T], tuple[Row[T], ...]], JsonObject]:
    """A list that is summed up by one value of its objects, from all of the objects."""

    def from_rows(page: Page[T], rows: tuple[Row[T], ...]) -> JsonObject:
        return make(page, Counter(value_of(row.item) for row in rows))

    return from_rows


def activity(instance: AppInstance) -> str:
    return "ACTIVE" if instance.activate else "INACTIVE"


def short_forms(kind: type[S], items: Iterable[Contract]) -> tuple[S, ...]:
    """The members that the short form has, of objects that have more."""
    return tuple(short_form(kind, item) for item in items)


def brands(page: Page[SysBrand], rows: tuple[Row[SysBrand], ...]) -> JsonObject:
    return SysBrands(
        list=_items(page), next=page.next, terse=summary_of((r.item.state for r in rows), "state")
    ).to_json()


def models(page: Page[SysModel], rows: tuple[Row[SysModel], ...]) -> JsonObject:
    return SysModels(
        list=_items(page),
        next=page.next,
        terse=summary_of((r.item.state for r in rows), "state"),
        summary_by_brand_distribution=summary_of((r.item.brand_id for r in rows), "brand"),
    ).to_json()


def projects(page: Page[Tag], rows: tuple[Row[Tag], ...]) -> JsonObject:
    return Tags(
        list=_items(page),
        next=page.next,
        summary_by_type=summary_of((r.item.type for r in rows), "type"),
    ).to_json()


def ceps(page: Page[SCEPProfile], _rows: tuple[Row[SCEPProfile], ...]) -> JsonObject:
    return SCEPProfiles(list=_items(page), next=page.next).to_json()


def app_profiles(page: Page[AppProfileRead], rows: tuple[Row[AppProfileRead], ...]) -> JsonObject:
    return AppProfiles(
        list=short_forms(AppProfileConfigSummary, (row.item for row in page.rows)),
        next=page.next,
        summary_by_state=summary_of((r.item.status for r in rows), "state"),
    ).to_json()


def asset_groups(page: Page[AssetGroupRead], _rows: tuple[Row[AssetGroupRead], ...]) -> JsonObject:
    return AssetGroupList(
        list=short_forms(AssetGroup, (row.item for row in page.rows)),
        next=page.next,
        total_count=page.total,
    ).to_json()


def profile_deployments(
    page: Page[ProfileDeployment], _rows: tuple[Row[ProfileDeployment], ...]
) -> JsonObject:
    return ProfileDeploymentList(list=_items(page), next=page.next).to_json()


def roles(page: Page[Role], rows: tuple[Row[Role], ...]) -> JsonObject:
    return Roles(
        list=_items(page),
        next=page.next,
        summary_by_state=summary_of((r.item.state for r in rows), "state"),
    ).to_json()


def auth_profiles(
    page: Page[AuthorizationProfile], rows: tuple[Row[AuthorizationProfile], ...]
) -> JsonObject:
    states = ("ACTIVE" if row.item.active else "INACTIVE" for row in rows)
    return AuthorizationProfiles(
        list=_items(page), next=page.next, summary_by_state=summary_of(states, "state")
    ).to_json()


def users(page: Page[DetailedUser], rows: tuple[Row[DetailedUser], ...]) -> JsonObject:
    return DetailedUsers(
        list=_items(page),
        next=page.next,
        summary_by_role_distribution=summary_of((r.item.role_id for r in rows), "role"),
        summary_by_state=summary_of((r.item.state for r in rows), "state"),
    ).to_json()


def enterprises(page: Page[Enterprise], rows: tuple[Row[Enterprise], ...]) -> JsonObject:
    return Enterprises(
        list=_items(page),
        next=page.next,
        summary_by_state=summary_of((r.item.state for r in rows), "state"),
    ).to_json()


def realms(page: Page[Realm], rows: tuple[Row[Realm], ...]) -> JsonObject:
    return Realms(
        list=_items(page),
        next=page.next,
        summary_by_state=summary_of(("ACTIVE" for _ in rows), "state"),
    ).to_json()


def networks(page: Page[NetConfig], rows: tuple[Row[NetConfig], ...]) -> JsonObject:
    return NetConfigList(
        list=_items(page),
        next=page.next,
        summary_by_kind=summary_of((r.item.kind for r in rows), "kind"),
    ).to_json()


def netinsts(page: Page[NetInstConfig], values: Mapping[str, int]) -> JsonObject:
    return NetInstList(
        cfg_list=_items(page),
        list=short_forms(NetInstShortConfig, (r.item for r in page.rows)),
        next=page.next,
        summary_by_kind=summary_from(values, "kind"),
    ).to_json()


def datastores(page: Page[DatastoreInfo], rows: tuple[Row[DatastoreInfo], ...]) -> JsonObject:
    return Datastores(
        list=_items(page),
        next=page.next,
        summary_by_type=summary_of((r.item.ds_type for r in rows), "type"),
        summary_by_origin=summary_of((r.item.origin_type for r in rows), "origin"),
    ).to_json()


def images(page: Page[ImageConfig], rows: tuple[Row[ImageConfig], ...]) -> JsonObject:
    return Images(
        list=_items(page),
        next=page.next,
        summary_by_image_status=summary_of((r.item.image_status for r in rows), "status"),
        summary_by_image_type=summary_of((r.item.image_type for r in rows), "type"),
        summary_by_image_arch=summary_of((r.item.image_arch for r in rows), "architecture"),
        summary_by_image_format=summary_of((r.item.image_format for r in rows), "format"),
    ).to_json()


def volumes(page: Page[VolInstConfig], values: Mapping[str, int]) -> JsonObject:
    return VolInstList(
        cfg_list=_items(page),
        list=short_forms(VolInstShortConfig, (r.item for r in page.rows)),
        next=page.next,
        summary_by_type=summary_from(values, "type"),
    ).to_json()


def devices(page: Page[DeviceConfig], values: Mapping[str, int]) -> JsonObject:
    return DeviceConfigList(
        list=short_forms(DeviceConfigSummary, (r.item for r in page.rows)),
        next=page.next,
        summary_by_state=summary_from(values, "state"),
    ).to_json()


def apps(page: Page[App], rows: tuple[Row[App], ...]) -> JsonObject:
    short = tuple(
        summary.model_copy(
            update={"manifest_json": short_forms(VMManifestSummary, (app.manifest_json,))[0]}
        )
        if app.manifest_json is not None
        else summary
        for app in _items(page)
        for summary in short_forms(AppSummary, (app.model_copy(update={"manifest_json": None}),))
    )
    return Apps(
        list=short,
        next=page.next,
        summary_by_app_type=summary_of(
            (r.item.manifest_json.app_type for r in rows if r.item.manifest_json), "type"
        ),
        summary_by_origin=summary_of((r.item.origin_type for r in rows), "origin"),
    ).to_json()


def instances(page: Page[AppInstance], values: Mapping[str, int]) -> JsonObject:
    return AppInstances(
        list=_items(page),
        next=page.next,
        summary_by_state=summary_from(values, "state"),
    ).to_json()
