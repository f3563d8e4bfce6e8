"""Threads of a controller share a few arenas of the C library."""

import os
import subprocess
import sys

import pytest

from eaves.controller.arenas import ARENAS, share_arenas

PROGRAM = """
import ctypes, sys, threading
from eaves.controller.arenas import share_arenas

said = share_arenas()
libc, all_there = ctypes.CDLL(None), threading.Barrier(9)
libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p


def hold() -> None:
    libc.malloc(50_000)
    all_there.wait()
    all_there.wait()


threads = [threading.Thread(target=hold) for _ in range(8)]
for one in threads:
    one.start()
all_there.wait()
libc.malloc_stats()
all_there.wait()
sys.exit(not said)
"""


def test_threads_share_the_arenas() -> None:
    plain = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=plain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Arena ") == ARENAS


def test_whoever_runs_the_process_may_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    assert not share_arenas()
