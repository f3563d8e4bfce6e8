"""Parsing what strangers made: in a short-lived process without network and without powers.

The helper gets its files opened.  It runs in namespaces of its own for network, IPC, host name and
processes (as nobody it could signal other programs of nobody), may gain no privileges, has limits
on memory, processor time, open files and the size of what it writes, and ends with who started it.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from eaves.errors import Rejected
from eaves.node.host.process import CommandFailed, Completed, run

NOBODY = 65534
INPUT = "/proc/self/fd/3"
OUTPUT = "/proc/self/fd/4"
_MIB = 1024**2
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
    file_bytes: int = _MIB,
) -> Completed:
    """Run a program as nobody on INPUT and OUTPUT; a code other than 0 says the input is bad.

    `file_bytes`: how large a file that it writes may become.
    """
    powers = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all"]
    return await _run(
        ["sh", "-c", _OPEN, "sh", str(read), str(write or "/dev/null")],
        [*powers, "--pdeathsig", "KILL"],
        argv,
        timeout_s,
        [f"--as={memory_bytes}", f"--fsize={file_bytes}", "--nofile=64"],
    )


async def run_unpacker(argv: Sequence[str], *, timeout_s: float) -> Completed:
    """Run a program as root that may do nothing but own files and lock itself into a folder."""
    powers = [f"--bounding-set={UNPACK_POWERS}", "--pdeathsig", "KILL"]
    return await _run([], powers, argv, timeout_s, [f"--as={_GIB}", "--nofile=64"])


async def _run(
    opening: Sequence[str],
    powers: Sequence[str],
    argv: Sequence[str],
    timeout_s: float,
    limits: Sequence[str],
) -> Completed:
    for program in ("unshare", "setpriv", "prlimit"):
        if shutil.which(program) is None:
            raise Rejected(f"program {program} is missing; install the Debian package util-linux")
    full = [
        *opening,
        *("unshare", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--"),
        *("prlimit", *limits, f"--cpu={max(int(timeout_s), 1)}", "--core=0", "--"),
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
