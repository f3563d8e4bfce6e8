"""The exit code of a workload, which its keeper writes a moment after the end."""

import subprocess
from pathlib import Path

from eaves.node.host.workloads import await_exit


def test_a_keeper_that_still_lives_is_waited_for(tmp_path: Path) -> None:
    exit_file, pid_file = tmp_path / "exit", tmp_path / "keeper.pid"
    script = 'sleep 0.3; echo 7 > "$1.new"; mv "$1.new" "$1"; exec sleep 60'
    with subprocess.Popen(["sh", "-c", script, "keeper", exit_file]) as keeper:
        pid_file.write_text(f"{keeper.pid}\n")
        ended = await_exit(exit_file, pid_file, timeout_s=30)
        keeper.kill()
    assert ended is not None
    assert ended.code == 7


def test_a_keeper_that_is_gone_or_silent_is_not_waited_for_long(tmp_path: Path) -> None:
    exit_file, pid_file = tmp_path / "exit", tmp_path / "keeper.pid"
    assert await_exit(exit_file, pid_file, timeout_s=600) is None
    with subprocess.Popen(["true"]) as keeper:
        pid_file.write_text(str(keeper.pid))
    assert await_exit(exit_file, pid_file, timeout_s=600) is None
    with subprocess.Popen(["sleep", "60"]) as keeper:
        pid_file.write_text(str(keeper.pid))
        assert await_exit(exit_file, pid_file, timeout_s=0.1) is None
        keeper.kill()
