"""What stands in an entry of the catalogue: its images, its variables, its ports.  Pure."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import click

from eaves.cli.json_values import Json, object_of, objects_of

BLANK = "HDD_EMPTY"
COMPOSE = "APP_TYPE_DOCKER_COMPOSE"
DEFAULT_LENGTH = 1024
BOOLEANS = ("true", "false")


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    label: str
    form: str  # TEXT, NUMBER, FILE, DROPDOWN, BOOLEAN or PASSWORD
    required: bool
    default: str
    options: tuple[str, ...]
    max_length: int
    base64: bool
    group: str
    condition: tuple[str, str, bool] | None  # variable, value, whether it must be equal


def manifest_of(bundle: Json) -> Json:
    return object_of(bundle.get("manifestJSON"))


def custom_config(bundle: Json) -> Json:
    return object_of(object_of(manifest_of(bundle).get("configuration")).get("customConfig"))


def decoded(text: object) -> str:
    """A template or compose file as a person reads it."""
    try:
        return base64.b64decode(str(text or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return str(text or "")


def drives_of(bundle: Json) -> Iterator[Json]:
    """The drives that need an image."""
    for drive in objects_of(manifest_of(bundle).get("images")):
        if drive.get("drvtype") != BLANK and drive.get("imagename"):
            yield drive


def variables_of(bundle: Json) -> tuple[Variable, ...]:
    return tuple(
        _variable(one, group)
        for group in objects_of(custom_config(bundle).get("variableGroups"))
        for one in objects_of(group.get("variables"))
    )


def _variable(one: Json, group: Json) -> Variable:
    asked = object_of(group.get("condition"))
    condition = None
    if asked.get("name"):
        equal = not str(asked.get("operator", "")).endswith("NOTEQUALTO")
        condition = (str(asked["name"]), str(asked.get("value", "")), equal)
    return Variable(
        name=str(one.get("name", "")),
        label=str(one.get("label", "")),
        form=str(one.get("format", "")).removeprefix("VARIABLE_FORMAT_"),
        required=bool(one.get("required")),
        default=str(one.get("default") or ""),
        options=tuple(str(o.get("value", "")) for o in objects_of(one.get("options"))),
        max_length=int(one.get("maxLength") or DEFAULT_LENGTH),
        base64=str(one.get("encode", "")).endswith("BASE64"),
        group=str(group.get("name", "")),
        condition=condition,
    )


def applies(variable: Variable, values: Mapping[str, str]) -> bool:
    if variable.condition is None:
        return True
    name, value, equal = variable.condition
    return (values.get(name, "") == value) is equal


def filled(bundle: Json, given: Mapping[str, str]) -> Json:
    """The custom configuration of an instance.  Raises ClickException with every fault."""
    variables = variables_of(bundle)
    known = {variable.name for variable in variables}
    values = {v.name: given.get(v.name, v.default) for v in variables}
    faults = [
        f"there is no variable {name}; it has {', '.join(sorted(known)) or 'none'}"
        for name in given
        if name not in known
    ]
    for variable in variables:
        faults += _faults(variable, values)
    if faults:
        raise click.ClickException("\n       ".join(faults) + "\n       nothing was changed")
    config = custom_config(bundle)
    if not config:
        return {}
    return {
        "name": config.get("name", ""),
        "fieldDelimiter": config.get("fieldDelimiter", ""),
        "variableGroups": [
            {
                "name": group.get("name", ""),
                "variables": [
                    {"name": one["name"], "format": one["format"], "value": values[one["name"]]}
                    for one in objects_of(group.get("variables"))
                ],
            }
            for group in objects_of(config.get("variableGroups"))
        ],
    }


def _faults(variable: Variable, values: Mapping[str, str]) -> Iterator[str]:
    value = values[variable.name]
    if not value:
        if variable.required and applies(variable, values):
            how = "--secret" if variable.form == "PASSWORD" else "--set"
            yield f"{variable.name} ({variable.label}) has no value; give it with {how}"
        return
    if len(value) > variable.max_length:
        yield f"{variable.name} has {len(value)} characters, {variable.max_length} are allowed"
    if variable.form == "NUMBER" and not value.lstrip("-").isdecimal():
        yield f"{variable.name} is {value!r}, not a number"
    allowed = variable.options if variable.form == "DROPDOWN" else BOOLEANS
    if variable.form in ("DROPDOWN", "BOOLEAN") and value not in allowed:
        yield f"{variable.name} is {value!r}, not one of {', '.join(allowed)}"


def interfaces_of(
    bundle: Json, netinsts: Mapping[str, str], adapters: Mapping[str, str]
) -> list[Json]:
    """The interfaces of an instance.

    `netinsts` leads from interfaces to network instances, from "" for those that it does not name;
    `adapters` leads from direct interfaces to ports of a device.  Raises ClickException with every
    fault.
    """
    made: list[Json] = []
    faults: list[str] = []
    declared = objects_of(manifest_of(bundle).get("interfaces"))
    for order, one in enumerate(declared, start=1):
        name = str(one.get("name", ""))
        common: Json = {"intfname": name, "intforder": order, "acls": []}
        if not one.get("directattach"):
            made.append({**common, "netinstname": netinsts.get(name, netinsts.get("", ""))})
        elif name in adapters:
            kind = f"IO_TYPE_{one.get('type', '')}"
            port: Json = {"name": adapters[name], "type": kind}
            made.append({**common, "directattach": True, "io": port})
        elif not one.get("optional"):
            faults.append(
                f"interface {name} takes a port of the device; say which: --adapter {name}=LABEL"
            )
    direct = {str(one.get("name", "")) for one in declared if one.get("directattach")}
    faults += [
        f"there is no direct interface {name}; it has {', '.join(sorted(direct)) or 'none'}"
        for name in adapters
        if name not in direct
    ]
    inside = {str(one.get("name", "")) for one in declared} - direct
    faults += [
        f"there is no interface {name} in a network instance; it has {', '.join(sorted(inside))}"
        for name in netinsts
        if name and name not in inside
    ]
    if faults:
        raise click.ClickException("\n       ".join(faults) + "\n       nothing was changed")
    return made


def by_interface(words: Iterable[str]) -> dict[str, str]:
    """Network instances of `--netinst`: NAME, for every interface, stands under ""."""
    return {
        interface if equals else "": name if equals else interface
        for interface, equals, name in (word.partition("=") for word in words)
    }


def pairs(words: Iterable[str], option: str) -> dict[str, str]:
    """NAME=VALUE of a repeated option."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} {word!r} is not NAME=VALUE")
        found[name] = value
    return found
