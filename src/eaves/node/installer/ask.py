"""Where the rules take no disk, a person before the machine may; without a word nothing happens."""

from collections.abc import Awaitable, Callable, Sequence

from eaves.node.installer.rules import Disk, never

Say = Callable[[str], None]
Ask = Callable[[str], Awaitable[str]]
"""Asks a person, whose line it answers."""
Look = Callable[[], Awaitable[Sequence[Disk]]]
"""The disks that are there now."""


async def ask_disk(look: Look, say: Say, ask: Ask) -> Disk:
    """Waits for ever.  A disk with data is taken once its name was typed.

    The list is made anew for each question: disks come and go meanwhile.
    """
    while True:
        disks = await look()
        for number, disk in enumerate(disks, 1):
            state = never(disk) or (f"it holds {disk.holds}" if disk.holds else "it is empty")
            say(f"  {number}  {disk.text()}: {state}")
        told = await ask("On which disk is it to be installed? Its number, and Enter:")
        if tuple(await look()) != tuple(disks):
            say("there are other disks now")
            continue
        if not (told.isdecimal() and 0 < int(told) <= len(disks)):
            say(f"{told!r} is no number of this list")
            continue
        disk = disks[int(told) - 1]
        if why := never(disk):
            say(f"{disk.path} cannot be taken: {why}")
            continue
        if not disk.holds:
            return disk
        name = disk.path.removeprefix("/dev/")
        if (
            await ask(
                f"Everything on {disk.text()}, {disk.holds}, will be lost. To go on type {name}:"
            )
            == name
        ):
            return disk
        say("it stays as it is")
