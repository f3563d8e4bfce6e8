"""User data of an app instance: the template with its variables filled in.

A VM gets it as cloud-init user data; a container reads `KEY=value` lines as its environment.
"""

import base64
from dataclasses import dataclass, field
from typing import Final, Protocol

from eaves.controller.domain.concealment import bundle_config
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.manifests import (
    CustomConfig,
    CustomConfigVariableGroup,
    VariableGroupConditionOperator,
    VariableGroupVariable,
    VariableVariableFormat,
)
from eaves.controller.domain.secrets import USER_DATA, default_field, variable_field

DEFAULT_DELIMITER = "###"
NOT_TOLD: Final = "\0"


class Held(Protocol):
    """Who holds the secrets of objects."""

    def clear(self, object_id: str, field_name: str, /) -> str:
        """Empty where nothing is stored."""
        ...


@dataclass(frozen=True, slots=True)
class UserData:
    """`text` is empty where the app has none; `reason` says why it should have."""

    text: str = field(default="", repr=False)
    reason: str = ""

    @property
    def base64(self) -> str:
        return base64.b64encode(self.text.encode()).decode("ascii") if self.text else ""


def user_data(instance: AppInstance, bundle: App, secrets: Held) -> UserData:
    custom = effective_custom_config(instance, bundle)
    if custom is None or not custom.template:
        own = secrets.clear(instance.id, USER_DATA) or instance.user_data
        return UserData(text=_decoded(own) if own else "")
    text = _decoded(custom.template)
    values = _values(Holders(instance, bundle), custom.variable_groups, secrets)
    unset = sorted(name for name, (value, required) in values.items() if required and not value)
    if unset:
        return UserData(
            reason=f"app instance {instance.name!r}: variable {', '.join(unset)} has no value; "
            "set it in the custom configuration"
        )
    mark = custom.field_delimiter or DEFAULT_DELIMITER
    for name, (value, _) in sorted(values.items(), key=lambda item: -len(item[0])):
        text = text.replace(f"{mark}{name}{mark}", value)
    return UserData(text=text)


class _Untold:
    """Every secret is the same."""

    def clear(self, object_id: str, field_name: str, /) -> str:
        return NOT_TOLD


def public_text(instance: AppInstance, bundle: App) -> str:
    """The user data with the same in place of whatever is secret: to be compared."""
    return user_data(instance, bundle, _Untold()).text


def effective_custom_config(instance: AppInstance, bundle: App) -> CustomConfig | None:
    """The instance's own template where it brings one, else the bundle's with its values."""
    template = bundle_config(bundle)
    own = instance.custom_config
    if own is None or template is None:
        return own if own is not None and (own.template or template is None) else template
    given = {v.name: v for group in own.variable_groups for v in group.variables}
    groups = tuple(
        group.model_copy(
            update={"variables": tuple(_given(v, given.get(v.name)) for v in group.variables)}
        )
        for group in template.variable_groups
    )
    return template.model_copy(
        update={
            "template": own.template or template.template,
            "field_delimiter": own.field_delimiter or template.field_delimiter,
            "variable_groups": groups or own.variable_groups,
        }
    )


def _given(
    declared: VariableGroupVariable, given: VariableGroupVariable | None
) -> VariableGroupVariable:
    """The instance's variable; a password stays one though the instance does not say so."""
    if given is None:
        return declared
    if declared.format is VariableVariableFormat.PASSWORD:
        return given.model_copy(update={"format": declared.format})
    return given


@dataclass(frozen=True, slots=True)
class Holders:
    """Who may hold the password of a variable; the instance's goes first."""

    instance: AppInstance
    bundle: App

    def password(self, variable: str, secrets: Held) -> str:
        for holder in (self.instance.id, self.bundle.id):
            for name in (variable_field(variable), default_field(variable)):
                found = secrets.clear(holder, name)
                if found:
                    return found
        return ""


def _values(
    holders: Holders, groups: tuple[CustomConfigVariableGroup, ...], secrets: Held
) -> dict[str, tuple[str, bool]]:
    """(value, required) of each variable whose group applies."""
    clear = {
        variable.name: _value(holders, variable, secrets)
        for group in groups
        for variable in group.variables
    }
    return {
        variable.name: (clear[variable.name], _applies(group, clear) and variable.required)
        for group in groups
        for variable in group.variables
    }


def _value(holders: Holders, variable: VariableGroupVariable, secrets: Held) -> str:
    stored = ""
    if variable.format is VariableVariableFormat.PASSWORD:
        stored = holders.password(variable.name, secrets)
    return stored or variable.value or variable.default


def _applies(group: CustomConfigVariableGroup, values: dict[str, str]) -> bool:
    condition = group.condition
    if condition is None or not condition.name:
        return True
    same = values.get(condition.name, "") == condition.value
    return not same if condition.operator is VariableGroupConditionOperator.NOTEQUALTO else same


def _decoded(template: str) -> str:
    """Templates are base64; one that is not is taken as it stands."""
    try:
        return base64.b64decode(template, validate=True).decode()
    except ValueError:  # not base64, or not text in it
        return template
