"""The messages of the API as sorted lines of text, so that two schemas compare as two texts.

message org.lfedge.eve.auth.AuthBody
field org.lfedge.eve.auth.AuthBody.payload = 1 optional bytes
value org.lfedge.eve.common.BootOrder.BOOT_ORDER_USB = 1
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2

import eaves.evapi.pb

PREFIX = "eaves/evapi/pb/"
_FIELD = descriptor_pb2.FieldDescriptorProto


def compiled_files() -> list[descriptor_pb2.FileDescriptorProto]:
    """Every generated module's own description of itself."""
    root = Path(eaves.evapi.pb.__path__[0])
    files: list[descriptor_pb2.FileDescriptorProto] = []
    for path in sorted(root.rglob("*_pb2.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        module = importlib.import_module(f"eaves.evapi.pb.{name}")
        files.append(descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
    return files


def lines_of_compiled(files: Iterable[descriptor_pb2.FileDescriptorProto]) -> list[str]:
    lines: list[str] = []
    for file in files:
        name = file.name.removeprefix(PREFIX)
        lines.append(f"file {name} package {file.package} syntax {file.syntax}")
        for message in file.message_type:
            lines.extend(_message(message, file.package))
        for enum in file.enum_type:
            lines.extend(_enum(enum, file.package))
    return sorted(lines)


def _message(message: descriptor_pb2.DescriptorProto, scope: str) -> Iterator[str]:
    name = f"{scope}.{message.name}"
    yield f"message {name}"
    entries = {f"{name}.{n.name}": n for n in message.nested_type if n.options.map_entry}
    for field in message.field:
        yield _field(field, name, [o.name for o in message.oneof_decl], entries)
    yield from _reserved(
        name, [(r.start, r.end - 1) for r in message.reserved_range], message.reserved_name
    )
    for nested in message.nested_type:
        if not nested.options.map_entry:
            yield from _message(nested, name)
    for enum in message.enum_type:
        yield from _enum(enum, name)


def _field(
    field: descriptor_pb2.FieldDescriptorProto,
    scope: str,
    oneofs: Sequence[str],
    entries: Mapping[str, descriptor_pb2.DescriptorProto],
) -> str:
    label = "repeated" if field.label == _FIELD.LABEL_REPEATED else "optional"
    kind = _kind(field)
    if (entry := entries.get(field.type_name.lstrip("."))) is not None:
        kind = f"map<{_kind(entry.field[0])},{_kind(entry.field[1])}>"
    words = [f"field {scope}.{field.name} = {field.number} {label} {kind}"]
    if field.proto3_optional:
        words.append("presence")
    elif field.HasField("oneof_index"):
        words.append(f"oneof {oneofs[field.oneof_index]}")
    if field.options.deprecated:
        words.append("deprecated")
    return " ".join(words)


def _kind(field: descriptor_pb2.FieldDescriptorProto) -> str:
    kind = _FIELD.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"{kind} {field.type_name.lstrip('.')}" if field.type_name else kind


def _enum(enum: descriptor_pb2.EnumDescriptorProto, scope: str) -> Iterator[str]:
    name = f"{scope}.{enum.name}"
    yield f"enum {name}" + (" alias" if enum.options.allow_alias else "")
    for value in enum.value:
        deprecated = " deprecated" if value.options.deprecated else ""
        yield f"value {name}.{value.name} = {value.number}{deprecated}"
    yield from _reserved(name, [(r.start, r.end) for r in enum.reserved_range], enum.reserved_name)


def _reserved(name: str, ranges: Iterable[Sequence[int]], names: Iterable[str]) -> Iterator[str]:
    for first, last in ranges:
        yield f"reserved {name} {first} to {last}"
    for word in names:
        yield f"reserved {name} {word}"


def lines_of_shared(schema: Mapping[str, Any]) -> list[str]:
    """The same lines from the published description, with what peers send beyond it."""
    lines: list[str] = []
    for file in schema["files"]:
        lines.append(f"file {file['name']} package {file['package']} syntax {file['syntax']}")
        for message in file["messages"]:
            lines.extend(_shared_message(message))
        for enum in file["enums"]:
            lines.extend(_shared_enum(enum))
    for addition in schema["newer_additions"]:
        if "message" in addition:
            lines.append(_shared_field(addition["add_field"], addition["message"]))
        else:
            value = addition["add_value"]
            lines.append(f"value {addition['enum']}.{value['name']} = {value['number']}")
    return sorted(lines)


def _shared_message(message: Mapping[str, Any]) -> Iterator[str]:
    name = message["name"]
    yield f"message {name}"
    for field in message["fields"]:
        yield _shared_field(field, name)
    yield from _reserved(
        name, message.get("reserved_ranges", []), message.get("reserved_names", [])
    )
    for nested in message.get("nested_messages", []):
        yield from _shared_message(nested)
    for enum in message.get("nested_enums", []):
        yield from _shared_enum(enum)


def _shared_field(field: Mapping[str, Any], scope: str) -> str:
    kind = field["type"]
    if kind == "map":
        parts = field["map"]
        value = parts["value_type"]
        if parts.get("value_type_name"):
            value += f" {parts['value_type_name']}"
        kind = f"map<{parts['key_type']},{value}>"
    elif field.get("type_name"):
        kind += f" {field['type_name']}"
    words = [f"field {scope}.{field['name']} = {field['number']} {field['label']} {kind}"]
    if field.get("proto3_optional"):
        words.append("presence")
    elif field.get("oneof"):
        words.append(f"oneof {field['oneof']}")
    if field.get("deprecated"):
        words.append("deprecated")
    return " ".join(words)


def _shared_enum(enum: Mapping[str, Any]) -> Iterator[str]:
    name = enum["name"]
    yield f"enum {name}" + (" alias" if enum.get("allow_alias") else "")
    for value in enum["values"]:
        deprecated = " deprecated" if value.get("deprecated") else ""
        yield f"value {name}.{value['name']} = {value['number']}{deprecated}"
    yield from _reserved(name, enum.get("reserved_ranges", []), enum.get("reserved_names", []))
