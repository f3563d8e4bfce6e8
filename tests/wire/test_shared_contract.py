"""The contract as kept here against the shared description, where that is present."""

import gzip
import json
from pathlib import Path

import pytest
from wire import golden
from wire.schema_form import compiled_files, lines_of_compiled, lines_of_shared
from wire.test_descriptors import SCHEMA

SHARED = Path(__file__).parents[3] / "shared" / "eve-api"

pytestmark = pytest.mark.skipif(
    not (SHARED / "schema.json").is_file(),
    reason="no shared contract beside this repository (../shared/eve-api/schema.json)",
)


def test_the_committed_schema_and_the_descriptors_equal_the_shared_one() -> None:
    shared = lines_of_shared(json.loads((SHARED / "schema.json").read_text()))
    assert gzip.decompress(SCHEMA.read_bytes()).decode().splitlines() == shared
    assert lines_of_compiled(compiled_files()) == shared


def test_the_golden_vectors_are_the_shared_ones() -> None:
    def content(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    assert content(golden.VECTORS) == content(SHARED / "vectors")
