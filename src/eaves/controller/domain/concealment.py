"""What of an object is secret: taken out before it is stored, and never shown again.

Pure.  An app instance's user data is a secret as a whole; of custom configurations it is the
variables of format PASSWORD, their defaults included.  An instance need not repeat the format: its
bundle says which variables are passwords.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.manifests import (
    CustomConfig,
    CustomConfigVariableGroup,
    VariableGroupVariable,
    VariableVariableFormat,
    VMManifest,
)
from eaves.controller.domain.secrets import USER_DATA, default_field, policy_field, variable_field

T = TypeVar("T", bound=Contract)


@dataclass(frozen=True)
class Concealed(Generic[T]):
    """`secrets` came with the object; `fields` are all that it may have: the stored ones among
    them stay where nothing new was sent, others are dropped.
    """

    public: T
    secrets: Mapping[str, str] = field(repr=False)
    fields: frozenset[str]


def conceal_instance(instance: AppInstance, bundle: App | None) -> Concealed[AppInstance]:
    names = passwords_of(bundle_config(bundle)) | passwords_of(instance.custom_config)
    public = instance.model_copy(update={"user_data": ""})
    secrets = {USER_DATA: instance.user_data} if instance.user_data else {}
    if instance.custom_config is not None:
        config, passwords = _without_passwords(instance.custom_config, names)
        public = public.model_copy(update={"custom_config": config})
        secrets |= passwords
    return Concealed(public, secrets, _fields(names) | {USER_DATA})


def conceal_app(app: App) -> Concealed[App]:
    manifest, config = app.manifest_json, bundle_config(app)
    if manifest is None or manifest.configuration is None or config is None:
        return Concealed(app, {}, frozenset())
    names = passwords_of(config)
    public_config, secrets = _without_passwords(config, names)
    configuration = manifest.configuration.model_copy(update={"custom_config": public_config})
    public = manifest.model_copy(update={"configuration": configuration})
    return Concealed(app.model_copy(update={"manifest_json": public}), secrets, _fields(names))


def bundle_config(bundle: App | None) -> CustomConfig | None:
    """The custom configuration that a bundle brings."""
    manifest = bundle.manifest_json if bundle is not None else None
    configuration = manifest.configuration if manifest is not None else None
    return configuration.custom_config if configuration is not None else None


def passwords_of(config: CustomConfig | None) -> frozenset[str]:
    """Names of the variables that are passwords."""
    groups = config.variable_groups if config is not None else ()
    return frozenset(
        variable.name
        for group in groups
        for variable in group.variables
        if variable.format is VariableVariableFormat.PASSWORD
    )


def _fields(names: frozenset[str]) -> frozenset[str]:
    return frozenset(make(name) for name in names for make in (variable_field, default_field))


def _without_passwords(
    config: CustomConfig, names: frozenset[str]
) -> tuple[CustomConfig, dict[str, str]]:
    secrets: dict[str, str] = {}

    def blank(variable: VariableGroupVariable) -> VariableGroupVariable:
        if variable.name not in names:
            return variable
        found = {
            variable_field(variable.name): variable.value,
            default_field(variable.name): variable.default,
        }
        secrets.update({name: text for name, text in found.items() if text})
        return variable.model_copy(update={"value": "", "default": ""})

    groups: list[CustomConfigVariableGroup] = [
        group.model_copy(update={"variables": tuple(blank(one) for one in group.variables)})
        for group in config.variable_groups
    ]
    return config.model_copy(update={"variable_groups": tuple(groups)}), secrets


def conceal_manifest(manifest: VMManifest | None) -> Concealed[VMManifest] | None:
    """A manifest that a policy brings with it."""
    configuration = manifest.configuration if manifest is not None else None
    config = configuration.custom_config if configuration is not None else None
    if manifest is None or configuration is None or config is None:
        return None
    names = passwords_of(config)
    public_config, secrets = _without_passwords(config, names)
    changed = configuration.model_copy(update={"custom_config": public_config})
    public = manifest.model_copy(update={"configuration": changed})
    return Concealed(public, secrets, _fields(names))


@dataclass(frozen=True)
class ConcealedManifests:
    """Of the apps of a policy: public manifests by the name of the app, secrets by field."""

    public: Mapping[str, VMManifest]
    secrets: Mapping[str, str] = field(repr=False)
    fields: frozenset[str]


def conceal_manifests(manifests: Iterable[tuple[str, VMManifest | None]]) -> ConcealedManifests:
    """A policy has the passwords of several apps: the name of each stands before its fields."""
    public: dict[str, VMManifest] = {}
    secrets: dict[str, str] = {}
    fields: set[str] = set()
    for name, manifest in manifests:
        concealed = conceal_manifest(manifest)
        if concealed is None:
            continue
        public[name] = concealed.public
        secrets |= {policy_field(name, one): text for one, text in concealed.secrets.items()}
        fields |= {policy_field(name, one) for one in concealed.fields}
    return ConcealedManifests(public, secrets, frozenset(fields))
