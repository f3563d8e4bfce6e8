"""The unified kernel image: systemd's stub with kernel, initrd, command line and os-release in it.

Debian 12 has no `ukify`; `objcopy` puts the sections behind those of the stub.
"""

import hashlib
import subprocess
from pathlib import Path

from pe import Program, authenticode, end_of_sections, image_base, read_program, without_time

# The order in which the stub of systemd 252 measures them.
MEASURED = (".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".dtb")


def make_uki(stub: Path, parts: dict[str, Path], target: Path, objcopy: str = "objcopy") -> None:
    """`parts`: from section names (".linux") to files; put in this order."""
    data = stub.read_bytes()
    base, at = image_base(data), end_of_sections(data)
    argv = [objcopy]
    for name, path in parts.items():
        argv += [
            "--add-section",
            f"{name}={path}",
            "--change-section-vma",
            f"{name}={base + at:#x}",
        ]
        at += -(-path.stat().st_size // 4096) * 4096
    subprocess.run([*argv, str(stub), str(target)], check=True)
    target.write_bytes(without_time(target.read_bytes()))


def measures(uki: bytes) -> dict[str, str]:
    """What a boot of it measures, by the names that `eaves.node.baseos.predict` knows."""
    program = read_program(uki)
    kernel = program.content(".linux")
    initrd = program.content(".initrd")
    found = {
        "uki": authenticode(uki),
        "linux": authenticode(kernel),
        "initrd": hashlib.sha256(initrd).hexdigest(),
        "options": hashlib.sha256(load_options(program)).hexdigest(),
    }
    for name in sections(program):
        found[f"section {name}"] = hashlib.sha256(program.content(name)).hexdigest()
    return found


def sections(program: Program) -> tuple[str, ...]:
    present = {one.name for one in program.sections}
    return tuple(name for name in MEASURED if name in present)


def pcr_11(uki: bytes) -> str:
    """The value once the stub has measured; nothing else extends it on our image."""
    program, value = read_program(uki), bytes(32)
    for name in sections(program):
        for data in (name.encode() + b"\0", program.content(name)):
            value = hashlib.sha256(value + hashlib.sha256(data).digest()).digest()
    return value.hex()


def load_options(program: Program) -> bytes:
    """The command line as the stub hands it to the kernel: UTF-16, with the zero at its end."""
    return (program.content(".cmdline").decode() + "\0").encode("utf-16-le")


def pcr_9(uki: bytes) -> str:
    """The kernel measures the options that it gets, and the initrd that it loads."""
    program, value = read_program(uki), bytes(32)
    for data in (load_options(program), program.content(".initrd")):
        value = hashlib.sha256(value + hashlib.sha256(data).digest()).digest()
    return value.hex()


def pcr_4(loader: bytes, uki: bytes, *, secure_boot: bool = False) -> str:
    """As firmware does for a boot option: what it calls, a mark, and each program it loads.

    With Secure Boot it does not look at the kernel in `uki`, whose stub vouches for it.
    """
    value = bytes(32)
    events = [
        hashlib.sha256(b"Calling EFI Application from Boot Option").digest(),
        hashlib.sha256(bytes(4)).digest(),
        bytes.fromhex(authenticode(loader)),
        bytes.fromhex(authenticode(uki)),
    ]
    if not secure_boot:
        events.append(bytes.fromhex(authenticode(read_program(uki).content(".linux"))))
    for digest in events:
        value = hashlib.sha256(value + digest).digest()
    return value.hex()
