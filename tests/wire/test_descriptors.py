"""The compiled messages are those of the published API: no field more, less or different."""

import gzip
from pathlib import Path

from wire.schema_form import compiled_files, lines_of_compiled

SCHEMA = Path(__file__).parent / "schema.txt.gz"


def test_the_compiled_descriptors_equal_the_schema() -> None:
    compiled = set(lines_of_compiled(compiled_files()))
    schema = set(gzip.decompress(SCHEMA.read_bytes()).decode().splitlines())
    assert not schema - compiled
    assert not compiled - schema


def test_the_schema_is_complete() -> None:
    lines = gzip.decompress(SCHEMA.read_bytes()).decode().splitlines()
    count = {
        word: sum(line.startswith(word + " ") for line in lines)
        for word in ("file", "message", "enum")
    }
    fields = sum(line.startswith("field ") for line in lines)
    values = sum(line.startswith("value ") for line in lines)
    assert count == {"file": 45, "message": 313, "enum": 117}
    assert fields == 1731 + 6  # six fields and two values are newer than the published snapshot
    assert values == 646 + 2
