"""Files of the repository that are made from the code; a test says when one is out of date.

`EAVES_REGENERATE=1 pytest ...` writes them anew.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def is_up_to_date(path: Path, text: str) -> None:
    if os.environ.get("EAVES_REGENERATE"):
        path.write_text(text, encoding="utf-8")
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    assert there == text, (
        f"{path.relative_to(REPOSITORY)} is out of date; run EAVES_REGENERATE=1 pytest on this test"
    )
