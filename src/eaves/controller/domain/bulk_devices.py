"""Files of device records, a row for each: CSV, YAML or JSON.  Pure: text in, rows out.

A row of CSV has columns; `tag:KEY`, `network:PORT`, `usage:PORT` and `ip:PORT` may stand as often
as there are keys and ports.  An entry of YAML or JSON has the members of the contract.  In both,
`model` and `project` may be names.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml

from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.catalogue import AdapterUsage, SysModel

MAX_ROWS: Final = 100
COLUMNS: Final[Mapping[str, str]] = {  # of CSV, and the members that they mean
    "name": "name",
    "title": "title",
    "description": "description",
    "serialno": "serialno",
    "serial": "serialno",
    "obkey": "obkey",
    "onboarding_key": "obkey",
    "model": "model",
    "project": "project",
    "deployment_tag": "deploymentTag",
    "asset_id": "assetId",
    "location": "location",
    "identity": "identity",
    "admin_state": "adminState",
}
OF_A_PORT: Final = {"network": "netname", "usage": "intfUsage", "ip": "ipaddr"}
PLACE: Final = "lat_long"


class MalformedFileError(ValueError):
    """The file as a whole cannot be read; the text says where."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record.  `line`: where it begins in the file, from 1; `faults`: what is wrong with it."""

    line: int
    device: JsonObject = field(repr=False)  # members of the contract, and `model` and `project`
    faults: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.device.get("name", ""))


def read_rows(data: bytes, content_type: str) -> tuple[Row, ...]:
    """Raises MalformedFileError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedFileError(f"byte {error.start}: the file is not UTF-8") from error
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/csv":
        return tuple(_from_csv(text))
    if kind in ("application/yaml", "application/x-yaml", "text/yaml"):
        return tuple(_from_yaml(text))
    if kind in ("application/json", ""):
        return tuple(_from_json(text))
    raise MalformedFileError(
        f"content type {kind!r} is not known; send text/csv, application/yaml or application/json"
    )


def _from_csv(text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        first: list[str] = next(reader, list[str]())
        header = [column.strip() for column in first]
        unknown = [column for column in header if not _is_column(column)]
        if "name" not in header or unknown or len(set(header)) != len(header):
            raise MalformedFileError(_about_header(header, unknown))
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _from_columns(line, header, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise MalformedFileError(f"line {reader.line_num}: {error}") from error


def _is_column(name: str) -> bool:
    kind, colon, of = name.partition(":")
    if colon:
        return bool(of) and (kind == "tag" or kind in OF_A_PORT)
    return name in COLUMNS or name == PLACE


def _about_header(header: list[str], unknown: list[str]) -> str:
    known = ", ".join([*COLUMNS, PLACE, "tag:KEY", *(f"{one}:PORT" for one in OF_A_PORT)])
    if unknown:
        return f"line 1: there is no column {unknown[0]!r}; columns are {known}"
    if "name" not in header:
        return f"line 1: the first line must name the columns, among them name; columns are {known}"
    return "line 1: a column stands twice"


def _from_columns(line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) > len(header):
        fault = f"{len(cells)} cells, {len(header)} columns; quote a cell that holds a comma"
        return Row(line, {"name": cells[0]}, (fault,))
    device: JsonObject = {}
    tags: dict[str, str] = {}
    ports: dict[str, JsonObject] = {}
    for column, cell in zip(header, (cell.strip() for cell in cells), strict=False):
        kind, colon, of = column.partition(":")
        if not cell:
            continue
        if not colon:
            if column == PLACE:
                device["devLocation"] = {"loc": cell}
            else:
                device[COLUMNS[column]] = cell
        elif kind == "tag":
            tags[of] = cell
        else:
            ports.setdefault(of, {"intfname": of})[OF_A_PORT[kind]] = cell
    if tags:
        device["tags"] = tags
    if ports:
        device["interfaces"] = list(ports.values())
    return Row(line, device)


def _from_yaml(text: str) -> Iterator[Row]:
    """A list of entries, or documents of one each."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise MalformedFileError("aliases (*NAME) are not read; write the values out")
        nodes = list(yaml.compose_all(text, yaml.BaseLoader))
        values: list[object] = list(yaml.load_all(text, yaml.BaseLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise MalformedFileError(f"no YAML: {error}") from error
    for node, value in zip(nodes, values, strict=True):
        if isinstance(value, list):
            entries = cast("list[object]", value)
            for entry, at in zip(entries, node.value, strict=True):
                yield _from_entry(at.start_mark.line + 1, entry)
        else:
            yield _from_entry(node.start_mark.line + 1, value)


def _from_json(text: str) -> Iterator[Row]:
    """`{"rows": [{"line": 2, "device": {...}}, ...]}`."""
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedFileError(f"no JSON: {error}") from error
    rows = cast("dict[str, object]", document).get("rows") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise MalformedFileError('send {"rows": [{"line": 1, "device": {...}}, ...]}')
    for number, entry in enumerate(cast("list[object]", rows), 1):
        if not isinstance(entry, dict):
            yield Row(number, {}, ("the row is no object",))
            continue
        members = cast("dict[str, object]", entry)
        line = members.get("line")
        yield _from_entry(line if isinstance(line, int) else number, members.get("device"))


def _from_entry(line: int, entry: object) -> Row:
    if not isinstance(entry, dict):
        return Row(line, {}, ("the entry is no object with members",))
    members = cast("dict[object, Any]", entry)
    device: JsonObject = {str(key): value for key, value in members.items() if key != "kind"}
    if members.get("kind", "device") not in ("device", "devices", "node"):
        return Row(line, device, (f"kind is {members['kind']!r}, this takes devices",))
    return Row(line, device)


def with_ports(device: JsonObject, model: SysModel | None) -> JsonObject:
    """Ports that a record does not name are the management ports of its model; a usage that it
    does not say is that of the model.
    """
    members = {} if model is None else {m.logicallabel: m for m in model.io_member_list}
    ports: object = device.get("interfaces")
    if not ports:
        managed = [
            {"intfname": label, "intfUsage": member.usage.value}
            for label, member in members.items()
            if member.usage is AdapterUsage.MANAGEMENT
        ]
        return {**device, "interfaces": managed}
    if not isinstance(ports, list):
        return device  # which the contract refuses
    usages = {label: member.usage.value for label, member in members.items()}
    completed = [_with_usage(port, usages) for port in cast("list[object]", ports)]
    return {**device, "interfaces": completed}


def _with_usage(port: object, usages: Mapping[str, str]) -> object:
    if not isinstance(port, dict):
        return port
    said = cast("JsonObject", port)
    usage = usages.get(str(said.get("intfname", "")))
    return said if usage is None else {"intfUsage": usage, **said}
