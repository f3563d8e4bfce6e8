"""The encrypted folder itself: can it be, is it, is it open."""

import os
from dataclasses import dataclass
from pathlib import Path

from eaves.errors import Rejected
from eaves.node.host import fscrypt
from eaves.node.host.fscrypt import KeyStatus, Support


class AnotherFolder(Rejected):
    """What stands where the vault was is not the vault."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"{folder} is not the vault that the keys beside it belong to: {reason}; bring the"
            " folder back, or move it and the keys away to begin with an empty vault"
        )


@dataclass(frozen=True, slots=True)
class EncryptedFolder:
    path: Path

    def impossible(self) -> str:
        """Why an encrypted folder cannot be made here; empty: it can.  The parent must exist."""
        match fscrypt.support(self.path.parent):
            case Support.YES:
                pass
            case Support.NOT_ENABLED:
                return (
                    f"the file system of {self.path.parent} does not encrypt yet:"
                    " `tune2fs -O encrypt DEVICE` lets it (ext4)"
                )
            case Support.NO_KIND:
                return (
                    f"the file system of {self.path.parent} cannot encrypt folders: put the state"
                    " folder on ext4 made with `mkfs.ext4 -O encrypt`"
                )
        if self._holds_something():
            return (
                f"{self.path} holds data from before, in the clear, and a vault begins empty: stop"
                " the node and move the folder away to begin with one"
            )
        return ""

    def encrypted(self) -> bool:
        return fscrypt.policy_of(self.path) is not None

    def is_open(self) -> bool:
        policy = fscrypt.policy_of(self.path)
        if policy is None or not policy.identifier:
            return False
        return fscrypt.key_status(self.path.parent, policy.identifier) is KeyStatus.PRESENT

    def open(self, key: bytes) -> None:
        """Open with the kernel's key (64 bytes); an empty folder becomes the vault.

        Raises AnotherFolder, NotEncryptable.
        """
        policy = fscrypt.policy_of(self.path)
        if policy is None and self._holds_something():
            raise AnotherFolder(self.path, "it holds data in the clear")
        if policy is None:
            self._empty()
        self.path.mkdir(mode=0o700, exist_ok=True)
        identifier = fscrypt.add_key(self.path.parent, key)
        if policy is None:
            fscrypt.set_policy(self.path, identifier)
        elif policy.identifier != identifier:
            fscrypt.remove_key(self.path.parent, identifier)
            raise AnotherFolder(self.path, "it is encrypted with another key")

    def close(self) -> None:
        """Take the key away.  Raises StillInUse when files below it are open."""
        policy = fscrypt.policy_of(self.path)
        if policy is not None and policy.identifier:
            fscrypt.remove_key(self.path.parent, policy.identifier)

    def _holds_something(self) -> bool:
        """Folders alone are nothing: an earlier start of the node made them."""
        return any(files for _, _, files in os.walk(self.path))

    def _empty(self) -> None:
        for at, folders, _ in os.walk(self.path, topdown=False):
            for name in folders:
                Path(at, name).rmdir()
