"""Does hardware virtualisation work here?  Answered by booting, never by looking for a file.

`/dev/kvm` may be there, open and answer, and still run no guest.  The probe is a boot sector that
goes to 64-bit mode, counts, uses SSE and a 16-byte exchange, and ends the emulator with a code of
its own.
"""

import asyncio
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.process import CommandFailed, CommandMissing, run

log = structlog.get_logger(__name__)

PROBE_S = 60.0  # a second on an idle machine; the no of a busy one is a slow guest
RAN_TO_THE_END = 33  # the guest writes 0x10 to the exit device, which makes 2 * 0x10 + 1 of it


@dataclass(frozen=True, slots=True)
class Accel:
    kvm: bool
    reason: str  # one sentence for a person

    @property
    def name(self) -> str:
        return "KVM" if self.kvm else "TCG"


class _Kept(msgspec.Struct):
    key: str
    kvm: bool
    reason: str


class AccelProbe:
    """Asks once for each kernel and emulator; the answer is kept in `state_dir`."""

    def __init__(self, state_dir: Path, device: Path = Path("/dev/kvm")) -> None:
        self._file = state_dir / "accel.json"
        self._device = device
        self._known: Accel | None = None
        self._lock = asyncio.Lock()

    async def choose(self) -> Accel:
        async with self._lock:
            if self._known is None:
                self._known = await self._ask()
                log.info("accelerator", name=self._known.name, reason=self._known.reason)
            return self._known

    async def _ask(self) -> Accel:
        if not self._device.exists():
            return Accel(kvm=False, reason=f"{self._device} does not exist: no virtualisation here")
        version = (await run(["qemu-system-x86_64", "--version"])).out.splitlines()[0]
        key = f"{platform.release()} {self._device.stat().st_rdev} {version}"
        kept = _kept(self._file, key)
        if kept is not None:
            return kept
        answer = await boot_probe("kvm", "host")
        if answer.kvm:  # a no may be a busy machine's: the next start of the node asks again
            kept_now = _Kept(key=key, kvm=True, reason=answer.reason)
            atomic_write(self._file, msgspec.json.encode(kept_now))
        return answer


def _kept(file: Path, key: str) -> Accel | None:
    data = read_or_none(file)
    try:
        known = None if data is None else msgspec.json.decode(data, type=_Kept)
    except msgspec.MsgspecError:
        return None
    if known is None or known.key != key:
        return None
    return Accel(kvm=known.kvm, reason=known.reason)


async def boot_probe(accel: str, cpu: str, timeout_s: float = PROBE_S) -> Accel:
    """Boot the sector under `accel`; also run with TCG by a test, to prove the sector itself."""
    with tempfile.TemporaryDirectory(prefix="eaves-probe-") as folder:
        disk = Path(folder) / "probe.img"
        disk.write_bytes(SECTOR + bytes(1024 * 1024 - len(SECTOR)))
        argv = [
            *("qemu-system-x86_64", "-machine", "q35", "-accel", accel, "-cpu", cpu, "-m", "64"),
            *("-nodefaults", "-display", "none", "-no-reboot"),
            *("-drive", f"file={disk},format=raw,if=ide"),
            *("-device", "isa-debug-exit,iobase=0xf4,iosize=1"),
        ]
        try:
            done = await run(argv, timeout_s=timeout_s, check=False)
            said = done.err.strip().splitlines()
            ending = f"exit code {done.code}: {said[0][:160] if said else 'no output'}"
        except CommandMissing as error:
            return Accel(kvm=False, reason=str(error))
        except CommandFailed:
            return _unusable(accel, f"nothing within {timeout_s:g} s")
        if done.code == RAN_TO_THE_END:
            return Accel(kvm=True, reason=f"a probe guest ran under {accel.upper()}")
        return _unusable(accel, ending)


def _unusable(accel: str, ending: str) -> Accel:
    text = f"{accel.upper()} is there, but a probe guest did not run ({ending})"
    return Accel(kvm=False, reason=text)


# Machine code: real mode, page tables at 0x1000, long mode, 20 million
# rounds, cmpxchg16b, movaps, 0x10 to port 0xf4.
_CODE = (
    "fa31c08ed88ec08ed0bc007cbf0010b90018fcf3ab66c70600100320000066c70600200330000066c7060030"
    "830000000f20e0660d200600000f22e066b8001000000f22d866b9800000c00f32660d000100000f300f0116"
    "b87c0f20c06683e0fb660d030000800f22c0ea6f7c0800b9002d3101ffc975fc31c031d231db31c9bf005000"
    "00f0480fc70f0f2907bebe7c0000b90500000066ba0204aceeffc975fab010e6f4f4ebfd0000000000000000"
    "00000000009a20000f00a87c00004541564553"
)
SECTOR = bytes.fromhex(_CODE).ljust(510, b"\0") + b"\x55\xaa"
