"""What policies want on a node: entries, made from projects, deployments and profile deployments.

An entry is one object that each node which it means carries.  Its key never changes while the
policy keeps the entry: it is made of the id of the policy and the name that the entry has there.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final, TypeVar

from eaves.controller.domain.contract.app_policies import (
    AppConfig,
    AppInstPolicy,
    NetworkInstPolicy,
    PolicyCommon,
    VolumeInstPolicy,
)
from eaves.controller.domain.contract.apps import AppInstanceLogs, AppInterface, VmInfo
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.deployments import Deployment
from eaves.controller.domain.contract.manifests import VMManifest
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.profiles import (
    AppProfileRead,
    AssetGroupRead,
    ProfileAppPolicy,
    ProfileDeployment,
    ProfileNetworkPolicy,
    ProfilePolicyCommon,
    ProfileVolumePolicy,
)
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.numerals import number_of
from eaves.controller.domain.policies.selectors import (
    Deployed,
    InProject,
    Selector,
    Term,
    member_of,
    pairs,
)

P = TypeVar("P", ProfileAppPolicy, ProfileNetworkPolicy, ProfileVolumePolicy)


class Makes(StrEnum):
    """The word is that of the table; the order is that of creation on a node."""

    NETINST = "netinsts"
    VOLUME = "volume_instances"
    APP = "app_instances"

    @property
    def noun(self) -> str:
        return _NOUNS[self]


_NOUNS: Final = {
    Makes.NETINST: "network instance",
    Makes.VOLUME: "volume instance",
    Makes.APP: "app instance",
}
ORDER: Final = {makes: place for place, makes in enumerate(Makes)}


@dataclass(frozen=True, slots=True)
class Source:
    """The policy that an entry is of, as people know it."""

    id: str
    noun: str
    name: str

    @property
    def text(self) -> str:
        return f"{self.noun} {self.name!r}"


@dataclass(frozen=True, slots=True)
class Naming:
    """Parts of a name, before that of the node."""

    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class AppTemplate:
    """What an app policy says of its instances; zeros and empty members leave it to the bundle.

    `follows`: another bundle is a later one of the same app, and its instances become it.
    `sealed`: digest of the passwords that the policy gives, as they are sealed.
    """

    bundle_id: str
    follows: bool = False
    sealed: str = ""
    title: str = ""
    description: str = ""
    bundle_version: int = 0
    cpus: int = 0
    memory: int = 0
    vminfo: VmInfo | None = None
    manifest: VMManifest | None = None
    interfaces: tuple[AppInterface, ...] = ()
    netinst_name: str = ""  # for interfaces that name none
    netinst_tags: dict[str, str] = field(default_factory=dict[str, str])
    tags: dict[str, str] = field(default_factory=dict[str, str])
    start_delay_s: int = 0
    logs: AppInstanceLogs | None = None
    remote_console: bool = False

    def said(self) -> object:
        """As JSON, for a digest."""
        return [
            *(self.title, self.description, self.bundle_version, self.cpus, self.memory),
            *(_json(self.vminfo), _json(self.manifest), [_json(one) for one in self.interfaces]),
            *(self.netinst_name, self.netinst_tags, self.tags, self.start_delay_s),
            *(_json(self.logs), self.remote_console),
            *((self.sealed,) if self.sealed else ()),
        ]


Template = NetInstConfig | VolInstConfig | AppTemplate
InstPolicy = AppInstPolicy | NetworkInstPolicy | VolumeInstPolicy


@dataclass(frozen=True)
class Entry:
    source: Source
    key: str
    alias: str  # what the other entries of the policy call it
    selector: Selector
    naming: Naming
    template: Template

    @cached_property
    def makes(self) -> Makes:
        match self.template:
            case NetInstConfig():
                return Makes.NETINST
            case VolInstConfig():
                return Makes.VOLUME
            case AppTemplate():
                return Makes.APP

    @property
    def fixed(self) -> str:
        """What an object keeps for its life, unless it `follows`: with another one it is another
        object.
        """
        match self.template:
            case NetInstConfig():
                return ""
            case VolInstConfig(image=image):
                return image
            case AppTemplate(bundle_id=bundle):
                return bundle

    @property
    def follows(self) -> bool:
        """An object goes on under the same key whatever `fixed` is."""
        return isinstance(self.template, AppTemplate) and self.template.follows

    @cached_property
    def digest(self) -> str:
        """`fixed`, and all that the template says: two texts with a colon between.

        Made once: thousands of nodes share an entry.
        """
        said = (
            self.template.said()
            if isinstance(self.template, AppTemplate)
            else (self.template.to_json())
        )
        return f"{_digest(self.fixed)}:{_digest(said)}"


def _json(item: Contract | None) -> object:
    return None if item is None else item.to_json()


def _digest(said: object) -> str:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def entry_key(source_id: str, makes: Makes, name: str) -> str:
    return f"{source_id}/{makes.value}/{name}"


# --- a project -----------------------------------------------------------------------------------


def entries_of_project(project: Tag) -> tuple[Entry, ...]:
    """Of the network and the app policy of a project that is no deployment project."""
    selector: Selector = (InProject(project.id, project.name),)
    source = Source(project.id, "project", project.name)
    found: list[Entry] = []
    networks = project.network_policy.network_policy if project.network_policy else None
    for index, netinst in enumerate(networks.net_instance_config if networks else ()):
        name = netinst.name or f"network-{index}"
        template = netinst.model_copy(
            update={"id": "", "name": "", "device_id": "", "project_id": "", "revision": None}
        )
        key = entry_key(project.id, Makes.NETINST, name)
        found.append(Entry(source, key, name, selector, Naming((name,)), template))
    apps = project.app_policy.app_policy if project.app_policy else None
    for index, app in enumerate(apps.apps if apps else ()):
        name = app_name(app, index)
        key = entry_key(project.id, Makes.APP, name)
        naming = _naming(
            app.naming_scheme.value,
            app.name_project_part or project.name,
            app.name_app_part or name,
        )
        found.append(Entry(source, key, name, selector, naming, _app_of_project(app)))
    return tuple(found)


def app_name(app: AppConfig, index: int) -> str:
    """What tells the apps of one project apart."""
    return app.name or app.id or f"app-{index}"


def _app_of_project(app: AppConfig) -> AppTemplate:
    return AppTemplate(
        bundle_id=app.app_id,
        title=app.title,
        description=app.description,
        bundle_version=number_of(app.app_version) or 0,
        cpus=app.cpus,
        memory=app.memory,
        manifest=app.manifest_json,
        interfaces=app.interfaces,
        tags=dict(app.tags),
        start_delay_s=app.start_delay_in_seconds,
    )


def _naming(scheme: str, project: str, app: str) -> Naming:
    """The scheme that is not given is that with all parts."""
    word = scheme.partition("SCHEMEV2_")[2] or scheme.partition("SCHEME_")[2]
    match word:
        case "DEVICE":
            return Naming()
        case "APP_DEVICE":
            return Naming((app,))
        case "PROJECT_DEVICE":
            return Naming((project,))
        case _:
            return Naming((project, app))


# --- deployments ---------------------------------------------------------------------------------


def entries_of_deployment(deployment: Deployment, project_name: str) -> tuple[Entry, ...]:
    source = Source(deployment.id, "deployment", deployment.name)
    every: tuple[Term, ...] = (
        InProject(deployment.project_id, project_name),
        Deployed(deployment.deployment_tag),
    )
    found: list[Entry] = []
    groups: tuple[tuple[Makes, Sequence[InstPolicy]], ...] = (
        (Makes.NETINST, deployment.network_inst_policies),
        (Makes.VOLUME, deployment.volume_inst_policies),
        (Makes.APP, deployment.app_inst_policies),
    )
    for makes, policies in groups:
        for index, policy in enumerate(policies):
            meta = policy.meta_data or PolicyCommon()
            name = policy_name(meta, makes, index)
            selector = every + pairs(meta.policy_target_condition)
            template, naming = _deployed(policy, meta, name, project_name)
            if template is not None:
                key = entry_key(deployment.id, makes, name)
                found.append(Entry(source, key, name, selector, naming, template))
    return tuple(found)


def policy_name(meta: PolicyCommon, makes: Makes, index: int) -> str:
    """What tells the policies of one deployment apart."""
    return meta.name or meta.id or f"{makes.noun.partition(' ')[0]}-{index}"


def _deployed(
    policy: InstPolicy,
    meta: PolicyCommon,
    name: str,
    project_name: str,
) -> tuple[Template | None, Naming]:
    match policy:
        case NetworkInstPolicy(net_inst_config=netinst):
            return _as(NetInstConfig, netinst, meta.title, meta.tags), Naming((name,))
        case VolumeInstPolicy(vol_inst_config=volume):
            return _as(VolInstConfig, volume, meta.title, meta.tags), Naming((name,))
        case AppInstPolicy(app_inst_config=app):
            if app is None:
                return None, Naming()
            naming = _naming(
                app.naming_scheme.value,
                app.name_project_part or project_name,
                app.name_app_part or name,
            )
            template = AppTemplate(
                bundle_id=app.bundle_id,
                title=meta.title,
                bundle_version=app.bundle_version,
                cpus=app.cpus,
                memory=app.memory,
                vminfo=app.vminfo,
                manifest=app.manifest_json,
                interfaces=app.interfaces,
                tags={**meta.tags, **app.tags},
                start_delay_s=app.start_delay_in_seconds,
                logs=app.logs,
                remote_console=app.remote_console,
            )
            return template, naming


def _as(
    kind: type[NetInstConfig] | type[VolInstConfig],
    said: Contract | None,
    title: str,
    tags: dict[str, str],
) -> NetInstConfig | VolInstConfig | None:
    """The members that a policy and the object which it makes have in common."""
    if said is None:
        return None
    members = {name: value for name, value in said.to_json().items() if name not in POLICY_ONLY}
    own: dict[str, str] = dict(said.to_json().get("tags") or {})
    return kind.from_json({**members, "title": title, "tags": {**tags, **own}})


POLICY_ONLY: Final = frozenset({"blockStorageTags", "contentTreeTargetCondition"})


# --- profile deployments -------------------------------------------------------------------------


@dataclass(frozen=True)
class Profiled:
    """A profile deployment with what it names.

    `bundles`: ids of the bundles made of the apps of that version, by the name of the app policy.
    """

    deployment: ProfileDeployment
    profile: AppProfileRead
    group: AssetGroupRead
    bundles: dict[str, str]


def entries_of_profile(given: Profiled, project_name: str) -> tuple[Entry, ...]:
    deployment, profile = given.deployment, given.profile
    source = Source(deployment.id, "profile deployment", deployment.name)
    selector: Selector = (
        InProject(deployment.project_id, project_name),
        asset_term(given.group),
    )
    found: list[Entry] = []

    def add(makes: Makes, name: str, naming: Naming, template: Template | None) -> None:
        if template is not None:
            key = entry_key(deployment.id, makes, name)
            found.append(Entry(source, key, name, selector, naming, template))

    for name, network in named(profile.network_policies, Makes.NETINST):
        meta = network.meta_data
        tags = dict(meta.tags) if meta else {}
        template = _as(NetInstConfig, network.network_config, meta.title if meta else "", tags)
        add(Makes.NETINST, name, Naming((name,)), template)
    for name, volume in named(profile.volume_policies, Makes.VOLUME):
        meta = volume.meta_data
        tags = dict(meta.tags) if meta else {}
        template = _as(VolInstConfig, volume.volume_config, meta.title if meta else "", tags)
        add(Makes.VOLUME, name, Naming((name,)), template)
    for name, policy in named(profile.app_policies, Makes.APP):
        app, meta = policy.app_config, policy.meta_data
        if app is None:
            continue
        parts = (app.name_project_part or project_name, app.name_app_part or name)
        app_template = AppTemplate(
            bundle_id=given.bundles.get(name, ""),
            follows=True,
            title=meta.title if meta else "",
            cpus=app.cpus,
            memory=app.memory,
            vminfo=app.vminfo,
            interfaces=app.interfaces,
            netinst_name=app.net_inst_name,
            netinst_tags=dict(app.net_inst_tags),
            tags={**(meta.tags if meta else {}), **app.tags},
            start_delay_s=app.start_delay_in_seconds,
            logs=app.logs,
            remote_console=app.remote_console,
        )
        add(Makes.APP, name, Naming(parts), app_template)
    return tuple(found)


def named(policies: tuple[P, ...], makes: Makes) -> Iterator[tuple[str, P]]:
    """Each with what tells it apart in its profile."""
    for index, policy in enumerate(policies):
        meta = policy.meta_data or ProfilePolicyCommon()
        yield meta.name or meta.id or f"{makes.noun.partition(' ')[0]}-{index}", policy


def asset_term(group: AssetGroupRead) -> Term:
    ids = group.asset_ids.ids if group.asset_ids else ()
    tags = [_pairs(one.tag) for one in group.asset_tags.asset_tag] if group.asset_tags else []
    return member_of(group.name, ids, tags)


def _pairs(tag: Mapping[str, str]) -> Mapping[str, str]:
    """`{key: rack, value: 7}` is how clients of the contract spell the tag `{rack: 7}`."""
    return {tag["key"]: tag["value"]} if set(tag) == {"key", "value"} else tag
