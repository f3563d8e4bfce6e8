"""Kinds of object that have to do with alerts."""

from typing import Final

from eaves.cli.kind import Column, Kind

_CHANGED: Final = (
    Column("DISABLED", "disabled", wide=True),
    Column("CHANGED", "revision.updatedAt", form="age", wide=True),
    Column("BY", "revision.updatedBy", wide=True),
)
_OF_PROJECT: Final = {"project": ("projectId", "project")}

ALERTS: Final = (
    Kind(
        "alertchannel",
        "/v1/eaves/alert-channels",
        ("alertchannels", "alert-channel"),
        _OF_PROJECT,
        columns=(Column("TYPE", "type"), Column("TITLE", "title"), *_CHANGED),
    ),
    Kind(
        "alertrule",
        "/v1/eaves/alert-rules",
        ("alertrules", "alert-rule"),
        _OF_PROJECT,
        columns=(
            Column("CONDITION", "condition"),
            Column("SEVERITY", "severity"),
            Column("HOLD", "holdSeconds"),
            Column("CHANNELS", "channels", form="count"),
            *_CHANGED,
        ),
    ),
    Kind(
        "incident",
        "/v1/eaves/incidents",
        ("incidents",),
        columns=(
            Column("OPENED", "openedAt", form="age"),
            Column("OPEN", "open"),
            Column("SEVERITY", "severity"),
            Column("RULE", "ruleName"),
            Column("DEVICE", "deviceName"),
            Column("OBJECT", "objectName", wide=True),
            Column("WHY", "text"),
        ),
        key="id",
        by_name="/id/{name}",
        made=False,
        changes=False,
        goes="",
        newest=True,
        events="",
    ),
)
