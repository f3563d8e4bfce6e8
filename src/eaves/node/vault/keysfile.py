"""The file beside the vault that says who holds what of its keys; two copies, changed whole."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from eaves.errors import Transient
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.vault.keyring import Keyring, KeysUnreadable, decode_keyring, encode_keyring

KEYS_FILE = "vault-keys.json"


class KeysFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.read: Keyring | None = None  # as read or written last

    def exists(self) -> bool:
        return any(path.exists() for path in self._copies())

    def known(self) -> Keyring:
        """Raises KeysUnreadable when there is none, or none that can be read."""
        if self.read is None:
            self.reload()
        if self.read is None:
            raise KeysUnreadable(f"{self.path} is not there; bring it back from a copy")
        return self.read

    def reload(self) -> bool:
        """True when it says something else than before.  Raises KeysUnreadable."""
        failure: KeysUnreadable | None = None
        for path in self._copies():
            data = read_or_none(path)
            if not data:
                continue
            try:
                found = decode_keyring(data)
            except KeysUnreadable as error:
                failure = failure or error
                continue
            changed, self.read = found != self.read, found
            return changed
        if failure is not None:
            raise failure
        return False

    @contextmanager
    def editing(self) -> Generator[Keyring]:
        """Nobody else changes it meanwhile.  Raises Transient when somebody just did."""
        with self.path.with_suffix(".lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            if self.read is not None and self.reload():
                raise Transient("another process changed the keys of the vault: try again")
            yield self.known()

    def save(self, keyring: Keyring) -> None:
        """Both copies are new: an old one would keep a seal that was taken back."""
        data = encode_keyring(keyring)
        for path in self._copies():
            atomic_write(path, data)
        self.read = keyring

    def remove(self) -> None:
        self.read = None
        for path in self._copies():
            path.unlink(missing_ok=True)

    def _copies(self) -> tuple[Path, Path]:
        return self.path, self.path.with_name(self.path.name + ".bak")
