"""The demonstration as a whole: a killed one, then `eaves demo --check` as `make demo CHECK=1`."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEMO = [sys.executable, "-m", "eaves", "demo"]
EVIDENCE = (
    "a snapshot is rolled back: the disk of the machine said 'old', then 'new'",
    "an app on each kind of network: switch: on-site has 192.0.2.50 from the site's DHCP server",
    "air-gapped: alone (",
    "a denied connection is counted: 192.0.2.1:8000 (a rule) connected, :8001 (no rule) denied",
    "a bad port configuration heals itself: 198.18.0.2 was tried and left (error: ",
)


@pytest.mark.host
@pytest.mark.vm
@pytest.mark.system
@pytest.mark.timeout(2400)
def test_the_demo_proves_each_step_and_leaves_nothing_even_after_a_killed_one(
    tmp_path: Path,
) -> None:
    killed = _kill_when_an_app_answers(tmp_path / "killed")
    done = subprocess.run(
        [*DEMO, "--check", "--state-dir", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "removed what an earlier demo had left behind" in done.stdout
    assert "all checks passed" in done.stdout
    for line in EVIDENCE:
        assert line in done.stdout
    assert not killed.exists()
    assert not (tmp_path / "demo").exists()


def _kill_when_an_app_answers(folder: Path) -> Path:
    told = folder.with_suffix(".txt")
    with told.open("wb") as output:
        demo = subprocess.Popen(
            [*DEMO, "--state-dir", str(folder)], stdout=output, stderr=subprocess.STDOUT
        )
    deadline = time.monotonic() + 480
    try:
        while "first answering app" not in told.read_text():
            assert demo.poll() is None, told.read_text()
            assert time.monotonic() < deadline, told.read_text()
            time.sleep(0.2)
    finally:
        demo.send_signal(signal.SIGKILL)
        demo.wait()
    return folder
