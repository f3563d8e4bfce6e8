"""A node of an image that does not find its keys: the console is all that tells why."""

import os
from pathlib import Path

from eaves.node.console.page import pages
from eaves.node.console.readings import read_all
from eaves.node.main import show

WHY = "/state/identity belongs to a device whose keys are in a TPM, and the TPM holds no device key"


async def test_the_console_says_why_a_node_does_not_find_its_keys(tmp_path: Path) -> None:
    await show(tmp_path, "1.0-test", "https://controller:9443", WHY, for_s=0.0)
    seen = read_all(tmp_path)
    shown = pages(seen)[0].lines
    assert any(WHY in line for line in shown)
    assert any("it was not asked" in line for line in shown)
    assert any("version 1.0-test" in line for line in shown)
    assert seen.running
    assert seen.status is not None
    assert seen.status.pid == os.getpid()
