"""The vault as a partition of its own, as a device with our image has it.

The same questions as of an encrypted folder, answered by LUKS2: its key never changes, because
what changes is how that key is wrapped, so the header is written once.
"""

from dataclasses import dataclass
from pathlib import Path

from eaves.errors import EavesError
from eaves.node.host import luks
from eaves.node.vault.folder import AnotherFolder


@dataclass(frozen=True, slots=True)
class EncryptedDisk:
    path: Path  # where it is mounted while it is open
    device: Path
    name: str = luks.LABEL  # below /dev/mapper

    def impossible(self) -> str:
        """Why the vault cannot be made there; empty: it can."""
        if not self.device.exists():
            return f"the disk of this device has no partition {self.device} for a vault"
        try:
            found = luks.holds(self.device)
        except EavesError as error:
            return str(error)
        if found and not luks.is_ours(self.device) and not luks.is_begun(self.device):
            return f"{self.device} holds data from before ({found}): install the device anew"
        return ""

    def encrypted(self) -> bool:
        return luks.is_ours(self.device)

    def is_open(self) -> bool:
        return luks.is_mounted(self.name, self.path)

    def open(self, key: bytes) -> None:
        """A partition that holds nothing becomes the vault.  Raises AnotherFolder, LuksFailed."""
        if self.is_open():
            return
        if not luks.is_ours(self.device):
            found = luks.holds(self.device)
            if found and not luks.is_begun(self.device):
                raise AnotherFolder(self.path, f"{self.device} holds {found}")
            luks.make(self.device, key)
        if not luks.mapper(self.name).exists():
            try:
                luks.unlock(self.device, self.name, key)
            except luks.WrongKey as error:
                raise AnotherFolder(self.path, str(error)) from error
        luks.finish(self.device)
        luks.mount(self.name, self.path)

    def close(self) -> None:
        """Raises InUse when files below it are open."""
        if luks.is_mounted(self.name, self.path):
            luks.unmount(self.path)
        if luks.mapper(self.name).exists():
            luks.lock(self.name)
