"""The ways to end or start anew: this process, or the machine under it."""

import os
import sys


def restart_process() -> None:
    """Replace this process by a fresh one with the same arguments; does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "eaves", *sys.argv[1:]])  # noqa: S606 - our own arguments


def power_off_machine() -> None:
    """Ask the init system to switch the machine off; the process ends here either way."""
    os.execvp("systemctl", ["systemctl", "poweroff"])  # noqa: S606, S607 - the init system's own tool


def reboot_machine() -> None:
    """Ask the init system for a reboot; the process ends here either way."""
    os.execvp("systemctl", ["systemctl", "reboot"])  # noqa: S606, S607 - the init system's own tool
