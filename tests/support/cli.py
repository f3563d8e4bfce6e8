"""`eaves` as a person or a script runs it: a process, at a pipe or at a terminal."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner
from support.controller import DEADLINE_S, Process

from eaves.main import main

EAVES = (sys.executable, "-m", "eaves")


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """The command line of one user: its logins stay in a folder of the test."""

    home: Path
    rest_url: str
    root: Path

    @classmethod
    def of(cls, process: Process, home: Path) -> "Cli":
        root = process.state_dir / "root-certificate.pem"
        return cls(home, f"https://127.0.0.1:{process.rest_port}", root)

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("EAVES_")}
        return {**kept, "EAVES_CONFIG": str(self.home), "PYTHONWARNINGS": "default"}

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> Done:
        done = subprocess.run(
            [*EAVES, *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**self.environment, **environment},
            cwd=self.home,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str, stdin: str = "") -> str:
        done = self(*words, stdin=stdin)
        assert done.code == 0, f"eaves {' '.join(words)}: {done}"
        return done.out

    def inside(self, *words: str, stdin: str = "", **environment: str) -> Done:
        """The same in this process: a fifth of the time, for what is no matter of processes."""
        away: dict[str, str | None] = {
            name: None for name in os.environ if name.startswith("EAVES_")
        }
        told = {**away, "EAVES_CONFIG": str(self.home), **environment}
        with chdir(self.home):
            done = CliRunner().invoke(main, list(words), input=stdin, env=told)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    def ok_inside(self, *words: str, stdin: str = "") -> str:
        done = self.inside(*words, stdin=stdin)
        assert done.code == 0, f"eaves {' '.join(words)}: {done}"
        return done.out

    @contextmanager
    def start(self, *words: str) -> "Generator[subprocess.Popen[str], None, None]":
        """Run on while the test looks at it; it is gone afterwards, whatever the test saw."""
        with subprocess.Popen(
            [*EAVES, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        ) as child:
            try:
                yield child
            finally:
                child.kill()

    def at_terminal(self, *words: str, answers: Sequence[tuple[str, str]] = ()) -> Done:
        """Run at a terminal of its own; each answer is typed once its pattern was shown."""
        master, slave = pty.openpty()
        try:
            child = subprocess.Popen(
                [*EAVES, *words],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env={**self.environment, "COLUMNS": "120"},
                start_new_session=True,
            )
        finally:
            os.close(slave)
        try:
            shown = _converse(master, answers)
        finally:
            code = _ended(child)
            os.close(master)
        return Done(code, shown.replace("\r\n", "\n"), "")


def _converse(master: int, answers: Sequence[tuple[str, str]]) -> str:
    shown, told, left = "", 0, list(answers)
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 0.1)
        if ready:
            try:
                part = os.read(master, 65536)
            except OSError:  # the other side has ended
                return shown
            shown += part.decode(errors="replace")
        if left and (match := re.search(left[0][0], shown[told:])):
            told += match.end()
            os.write(master, left.pop(0)[1].encode() + b"\n")
    raise AssertionError(f"not within {DEADLINE_S} s; shown so far:\n{shown}")


def _ended(child: "subprocess.Popen[bytes]") -> int:
    try:
        return child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
