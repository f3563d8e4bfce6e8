"""Running a proxy script that came from elsewhere: a process of its own, poor in every respect.

No network, no privileges, nobody else to see, little memory, two seconds of processor time.  The
interpreter is duktape's `duk` (Debian package duktape), which has no way to the machine but
standard output.
"""

import os
import shutil
import tempfile
from pathlib import Path

from eaves.errors import Rejected, Transient
from eaves.node.host.process import CommandFailed, run

MEMORY_BYTES = 64 * 1024 * 1024
CPU_S = 2
WALL_S = 20.0  # a busy machine takes its time; CPU_S ends what has no end
MOST_PRINTED = 16 * 1024
NOBODY = "65534"


class NoInterpreter(Rejected):
    def __init__(self) -> None:
        super().__init__(
            "this network's proxy is chosen by a PAC file, which needs the program duk; install the"
            " Debian package duktape"
        )


class ScriptFailed(Transient):
    def __init__(self, said: str) -> None:
        super().__init__(f"the PAC file failed: {said}")


async def run_script(program: str) -> str:
    """What it prints.  Raises NoInterpreter or ScriptFailed."""
    if shutil.which("duk") is None:
        raise NoInterpreter
    with tempfile.TemporaryDirectory(prefix="eaves-pac-") as folder:
        path = _place(Path(folder), program)
        try:
            done = await run([*prison(), "duk", str(path)], timeout_s=WALL_S, check=False)
        except CommandFailed as error:
            raise ScriptFailed(f"it has not ended within {WALL_S:g} s") from error
    if done.code:
        lines = (done.err or done.out).strip().splitlines()
        raise ScriptFailed((lines[-1] if lines else f"exit code {done.code}")[:200])
    return done.out[:MOST_PRINTED]


def _place(folder: Path, program: str) -> Path:
    """Where the user that runs it can read it."""
    path = folder / "proxy.js"
    path.write_text(program)
    if os.geteuid() == 0:
        os.chown(folder, int(NOBODY), int(NOBODY))
        os.chown(path, int(NOBODY), int(NOBODY))
    return path


def prison() -> list[str]:
    """What a program is started with that may do nothing but compute and print."""
    limits = ["prlimit", f"--as={MEMORY_BYTES}", f"--cpu={CPU_S}", "--fsize=0", "--"]
    if os.geteuid() != 0:
        return limits
    alone = ["unshare", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--"]
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    powerless = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--pdeathsig", "KILL"]
    return [*alone, *drop, *powerless, "--", *limits]
