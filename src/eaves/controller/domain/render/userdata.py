"""User data of an app instance: the template with its variables filled in.

A VM gets it as cloud-init user data; a container reads `KEY=value` lines as its environment.
"""

import base64
import binascii
from dataclasses import dataclass, field

from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.manifests import (
    CustomConfig,
    CustomConfigVariableGroup,
    VariableGroupConditionOperator,
    VariableGroupVariable,
)
from eaves.controller.domain.render.secrets import Secrets
from eaves.controller.domain.secrets import variable_field

DEFAULT_DELIMITER = "###"


@dataclass(frozen=True, slots=True)
class UserData:
    """`text` is empty where the app has none; `reason` says why it should have."""

    text: str = field(default="", repr=False)
    reason: str = ""

    @property
    def base64(self) -> str:
        return base64.b64encode(self.text.encode()).decode("ascii") if self.text else ""


def user_data(instance: AppInstance, bundle: App, secrets: Secrets) -> UserData:
    custom = effective_custom_config(instance, bundle)
    if custom is None or not custom.template:
        return UserData(text=_decoded(instance.user_data) if instance.user_data else "")
    text = _decoded(custom.template)
    values = _values(instance, custom.variable_groups, secrets)
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


def effective_custom_config(instance: AppInstance, bundle: App) -> CustomConfig | None:
    """The instance's own template where it brings one, else the bundle's with its values."""
    manifest = bundle.manifest_json
    configuration = manifest.configuration if manifest is not None else None
    template = configuration.custom_config if configuration is not None else None
    own = instance.custom_config
    if own is None or template is None:
        return own if own is not None and (own.template or template is None) else template
    given = {v.name: v for group in own.variable_groups for v in group.variables}
    groups = tuple(
        group.model_copy(update={"variables": tuple(given.get(v.name, v) for v in group.variables)})
        for group in template.variable_groups
    )
    return template.model_copy(
        update={
            "template": own.template or template.template,
            "field_delimiter": own.field_delimiter or template.field_delimiter,
            "variable_groups": groups or own.variable_groups,
        }
    )


def _values(
    instance: AppInstance, groups: tuple[CustomConfigVariableGroup, ...], secrets: Secrets
) -> dict[str, tuple[str, bool]]:
    """(value, required) of each variable whose group applies."""
    plain = {v.name: v.value or v.default for group in groups for v in group.variables}
    values: dict[str, tuple[str, bool]] = {}
    for group in groups:
        applies = _applies(group, plain)
        for variable in group.variables:
            value = _value(instance, variable, secrets)
            values[variable.name] = (value, applies and variable.required)
    return values


def _value(instance: AppInstance, variable: VariableGroupVariable, secrets: Secrets) -> str:
    stored = secrets.clear(instance.id, variable_field(variable.name))
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
    except (binascii.Error, UnicodeDecodeError):
        return template
