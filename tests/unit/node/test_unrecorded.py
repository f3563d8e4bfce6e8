"""A program that was started and not written down is ended with the others of its folder."""

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eaves.node.host import dhcp, dnsmasq
from eaves.node.host.process import identify

SLEEPS = "import time; time.sleep(60)"


@contextmanager
def started(argument: str) -> Generator[int]:
    """Something that has `argument`, as the program itself would."""
    with subprocess.Popen([sys.executable, "-c", SLEEPS, argument]) as process:
        try:
            while argument.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
                time.sleep(0.01)  # the kernel tells the words a moment after the program is there
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["bn1", "bn12"])
async def test_a_dnsmasq_that_nobody_wrote_down_is_stopped(tmp_path: Path, name: str) -> None:
    with started(f"--conf-file={tmp_path / name / 'dnsmasq.conf'}") as pid:
        await dnsmasq.stop(tmp_path / "bn1")
        assert (identify(pid) is None) == (name == "bn1"), "that of another bridge stays"


@pytest.mark.parametrize("name", ["eth0", "eth0.5"])
async def test_a_dhcp_client_that_nobody_wrote_down_is_stopped(tmp_path: Path, name: str) -> None:
    with started(str(tmp_path / name / "tell")) as pid:
        await dhcp.stop(tmp_path / "eth0")
        assert (identify(pid) is None) == (name == "eth0"), "that of another interface stays"
