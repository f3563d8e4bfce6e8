"""pytest plugin: one field mutated for this whole run, or a record of the fields each test sets.

`EAVES_PARITY` is `removed:FIELD`, `changed:FIELD` or `record:FILE`.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import ItemValues
from parity.fields import PROPERTY, modelled
from parity.mutation import How, default, key_name, mutate, rewrite

VARIABLE = "EAVES_PARITY"


class Recorder:
    def __init__(self, into: Path) -> None:
        self._into = into
        self._now: set[str] = set()
        self._tests: dict[str, Any] = {}
        self._on_import: dict[str, list[str]] = {}
        kinds: dict[type[Any], dict[str, str]] = {}
        for field, place in modelled().items():
            kinds.setdefault(place.of, {})[place.attribute] = field
        for of, names in kinds.items():
            rewrite(of, self._noting(of, names))
        rewrite(ItemValues, self._note_values)

    def _noting(self, of: type[Any], names: dict[str, str]) -> Any:
        usual = {f.name: default(f) for f in fields(of)}

        def note(given: dict[str, Any]) -> None:
            for attribute, value in given.items():
                if attribute in names and value != usual[attribute]:
                    self._now.add(names[attribute])
            if of is ConfigItem:
                self._now.add(f"{PROPERTY}.{key_name(str(given.get('key')))}")

        return note

    def _note_values(self, given: dict[str, Any]) -> None:
        if len(given.get("values", {})) < 20:  # not all, as applied
            self._now.update(f"{PROPERTY}.{key_name(key)}" for key in given.get("values", {}))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        self._now = set()
        yield
        if isinstance(collector, pytest.Module):
            self._on_import[collector.nodeid] = sorted(self._now)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._now = set()
        yield
        file = item.nodeid.partition("::")[0]
        seen = self._now.union(self._on_import.get(file, []))
        self._tests.setdefault(item.nodeid, {})["fields"] = sorted(seen)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self._tests.setdefault(report.nodeid, {})["seconds"] = report.duration

    def pytest_sessionfinish(self) -> None:
        self._into.write_text(json.dumps(self._tests))


def pytest_configure(config: pytest.Config) -> None:
    how, _, what = os.environ.get(VARIABLE, "").partition(":")
    if how == "record":
        config.pluginmanager.register(Recorder(Path(what)))
    elif how:
        mutate(what, How(how))
