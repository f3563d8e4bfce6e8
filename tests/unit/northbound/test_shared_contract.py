"""The REST contract as kept here against the shared description, where that is present."""

import importlib
import inspect
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from support.contract_form import shipped_form
from support.generated import REPOSITORY

from eaves.controller.domain import contract
from eaves.controller.northbound.operations import read_operations

SHARED = Path(__file__).parents[4] / "shared" / "northbound"

OURS = {"DeviceStatusMsg": {"attestationStale", "attestedAt"}}
"""Members that stand in an answer beside those of the contract."""

pytestmark = pytest.mark.skipif(
    not (SHARED / "schemas.json").is_file(),
    reason="no shared contract beside this repository (../shared/northbound/schemas.json)",
)


def _types() -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for info in pkgutil.iter_modules(contract.__path__):
        module = importlib.import_module(f"{contract.__name__}.{info.name}")
        found |= {
            name: one
            for name, one in inspect.getmembers(module, inspect.isclass)
            if issubclass(one, BaseModel) and one.__module__ == module.__name__
        }
    return found


def test_every_field_of_a_type_of_ours_is_one_of_the_contract() -> None:
    schemas: dict[str, Any] = json.loads((SHARED / "schemas.json").read_text())["schemas"]
    compared = 0
    for name, one in _types().items():
        if name not in schemas:
            continue  # named by its place here, where the contract has a longer word
        compared += 1
        ours = {str(f.serialization_alias or f.alias or key) for key, f in one.model_fields.items()}
        theirs = set(schemas[name].get("fields", {}))
        ours -= OURS.get(name, set())
        assert ours == theirs, f"{name}: {sorted(ours ^ theirs)}"
    assert compared > 100


def test_every_operation_of_the_contract_is_known_here() -> None:
    described = json.loads((SHARED / "operations.json").read_text())["operations"]
    theirs = [(o["service"], o["method"], o["path"], o["operationId"]) for o in described]
    ours = [(o.service, o.method, o.path, o.id) for o in read_operations()]
    assert sorted(ours) == sorted(theirs)  # five stand in two services


def test_what_ships_of_the_contract_is_what_it_says() -> None:
    operations = json.loads((SHARED / "operations.json").read_text())["operations"]
    schemas = json.loads((SHARED / "schemas.json").read_text())["schemas"]
    shipped = REPOSITORY / "src/eaves/controller/northbound/contract.json"
    assert shipped.read_text() == shipped_form(operations, schemas)
