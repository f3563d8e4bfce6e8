"""Parsing what strangers made: in a short-lived process without network and without powers.

The helper gets its files opened.  It runs in a network namespace of its own, may gain no
privileges, and has limits on memory, processor time and file size.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from eaves.errors import Rejected
from eaves.node.host.process import CommandFailed, Completed, run

NOBODY = 65534
INPUT = "/proc/self/fd/3"
OUTPUT = "/proc/self/fd/4"
_GIB = 1024**3

# Opens the files before the powers go: the blob's folder is closed to the helper.
_OPEN = 'exec 3<"$1" 4<>"$2"; shift 2; exec "$@"'

UNPACK_POWERS = "-all,+chown,+dac_override,+fowner,+fsetid,+setfcap,+sys_chroot"


async def run_parser(
    argv: Sequence[str],
    *,
    read: Path,
    write: Path | None = None,
    timeout_s: float,
    memory_bytes: int = 2 * _GIB,
) -> Completed:
    """Run a program as nobody on INPUT and OUTPUT; a code other than 0 says the input is bad."""
    powers = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all"]
    return await _run(
        ["sh", "-c", _OPEN, "sh", str(read), str(write or "/dev/null")],
        powers,
        argv,
        timeout_s,
        memory_bytes,
    )


async def run_unpacker(argv: Sequence[str], *, timeout_s: float) -> Completed:
    """Run a program as root that may do nothing but own files and lock itself into a folder."""
    return await _run([], [f"--bounding-set={UNPACK_POWERS}"], argv, timeout_s, _GIB)


async def _run(
    opening: Sequence[str],
    powers: Sequence[str],
    argv: Sequence[str],
    timeout_s: float,
    memory_bytes: int,
) -> Completed:
    for program in ("unshare", "setpriv", "prlimit"):
        if shutil.which(program) is None:
            raise Rejected(f"program {program} is missing; install the Debian package util-linux")
    full = [
        *opening,
        *("unshare", "--net", "--ipc", "--"),
        *("prlimit", f"--as={memory_bytes}", f"--cpu={int(timeout_s)}", "--core=0", "--"),
        *("setpriv", "--no-new-privs", "--inh-caps=-all", *powers, "--"),
        *argv,
    ]
    return await run(full, timeout_s=timeout_s, check=False)


def said(done: Completed) -> str:
    """The last line a helper wrote, for an error's text."""
    lines = (done.err or done.out).strip().splitlines()
    return lines[-1][:400] if lines else f"exit code {done.code}"


__all__ = [
    "INPUT",
    "NOBODY",
    "OUTPUT",
    "CommandFailed",
    "run_parser",
    "run_unpacker",
    "said",
]
