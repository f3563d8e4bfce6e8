"""A node starts on a slow machine, too: what it rarely needs is imported when it is needed."""

import subprocess
import sys

HEAVY = ("asyncssh", "pyroute2", "sqlalchemy", "pydantic", "fastapi", "textual", "eaves.controller")


def test_a_start_imports_nothing_heavy() -> None:
    code = (
        "import sys, eaves.node.main\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], 'eaves.node.compose' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"
