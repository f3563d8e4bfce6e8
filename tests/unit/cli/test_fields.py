"""The table of field names that `eaves apply` warns by is that of the REST contract."""

import json
import types
import typing
from collections.abc import Iterator

from support.generated import REPOSITORY, is_up_to_date

from eaves.cli.documents import shape_named, shape_of
from eaves.cli.kinds import KINDS, find_kind
from eaves.controller.domain.contract.alerts import AlertChannel, AlertRule
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.auth_profiles import AuthorizationProfile
from eaves.controller.domain.contract.base import Contract, OpenEnum
from eaves.controller.domain.contract.catalogue import SysBrand, SysModel
from eaves.controller.domain.contract.datastores import DatastoreInfo, ImageConfig
from eaves.controller.domain.contract.deployments import Deployment
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.enrolment import SCEPProfile
from eaves.controller.domain.contract.jobs import BulkConfig, JobConfig
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
from eaves.controller.domain.contract.rollouts import RolloutSpec
from eaves.controller.domain.contract.users import DetailedUser, Enterprise, Realm
from eaves.controller.domain.contract.volumes import VolInstConfig

TYPES: dict[str, type[Contract]] = {
    "brand": SysBrand,
    "model": SysModel,
    "project": Tag,
    "network": NetConfig,
    "datastore": DatastoreInfo,
    "image": ImageConfig,
    "app": App,
    "device": DeviceConfig,
    "appprofile": AppProfileRead,
    "assetgroup": AssetGroupRead,
    "profiledeployment": ProfileDeployment,
    "alertchannel": AlertChannel,
    "alertrule": AlertRule,
    "netinst": NetInstConfig,
    "volume": VolInstConfig,
    "instance": AppInstance,
    "enterprise": Enterprise,
    "realm": Realm,
    "role": Role,
    "user": DetailedUser,
    "authprofile": AuthorizationProfile,
    "cep": SCEPProfile,
    "patchenvelope": PatchEnvelope,
    "deployment": Deployment,
    "job": JobConfig,
    "rollout": RolloutSpec,
}
ALSO: tuple[type[Contract], ...] = (BulkConfig,)  # what a job is asked to do


def _parts(annotation: object) -> Iterator[type]:
    """The classes that an annotation is made of."""
    if typing.get_origin(annotation) in (typing.Annotated, types.UnionType, typing.Union, tuple):
        for part in typing.get_args(annotation):
            yield from _parts(part)
    elif isinstance(annotation, type):
        yield annotation


def _about(annotation: object) -> str:
    """Name of a type of the contract, PREFIX_ of an enum's words, or nothing."""
    for part in _parts(annotation):
        if issubclass(part, Contract):
            return part.__name__
        if issubclass(part, OpenEnum):
            return part.prefix()
    return ""


def _reachable(kind: type[Contract], found: dict[str, dict[str, str]]) -> None:
    if kind.__name__ in found:
        return
    fields = kind.model_fields
    found[kind.__name__] = {
        str(about.serialization_alias or name): _about(about.annotation)
        for name, about in fields.items()
    }
    for about in fields.values():
        for part in _parts(about.annotation):
            if issubclass(part, Contract):
                _reachable(part, found)


def test_the_field_names_are_those_of_the_contract() -> None:
    found: dict[str, dict[str, str]] = {}
    roots: tuple[type[Contract], ...] = (*TYPES.values(), *ALSO)
    for kind in roots:
        _reachable(kind, found)
    table = {"kinds": {name: kind.__name__ for name, kind in TYPES.items()}, "types": found}
    text = json.dumps(table, indent=1, sort_keys=True) + "\n"
    is_up_to_date(REPOSITORY / "src/eaves/cli/fields.json", text)


def test_every_kind_has_its_fields() -> None:
    assert {kind.name for kind in KINDS if kind.made} == set(TYPES)


def test_what_a_kind_says_of_names_is_true_of_the_contract() -> None:
    """A way that leads nowhere would leave names in what is sent."""
    for kind in KINDS:
        for pattern, (id_key, other) in kind.references.items():
            assert find_kind(other).name == other
            shape = shape_of(kind)
            *way, _ = pattern.split(".")
            for step in way:
                assert step in shape, f"{kind.name}: {pattern}"
                shape = shape_named(shape[step])
            assert id_key in shape, f"{kind.name}: {pattern}"
        if kind.made:
            assert not kind.tags or kind.tags in shape_of(kind)
            assert kind.key in shape_of(kind)
