"""The vault of a node: opened at start if what booted may, else when enough shares come together.

    keys file    in the clear beside the vault: wrapped keys, sealed shares, PCR values of the seal
    folder       encrypted; locked it shows nothing

Two processes may hold one (the node, and a command on the machine): each change of the keys file is
made under a lock, from what stands in it, and `look` notices what the other did.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from msgspec.structs import replace

from eaves.errors import EavesError, Rejected, Transient
from eaves.node.vault import recovery
from eaves.node.vault.disk import EncryptedDisk
from eaves.node.vault.folder import EncryptedFolder
from eaves.node.vault.keyring import (
    Former,
    Holder,
    Keyring,
    Keys,
    Plan,
    PlanUnusable,
    Random,
    check_plan,
    differing,
    fscrypt_key,
    new_keys,
    pcrs_text,
    unlock,
    wrap,
)
from eaves.node.vault.keysfile import KEYS_FILE, KeysFile
from eaves.node.vault.sealing import Sealer, sealed, sealed_again, sealed_beside, unsealed
from eaves.node.vault.states import Act, Event, Phase, move

log = structlog.get_logger(__name__)

VAULT_BYTES = 16  # of the name that is bound into what is wrapped
UNLOCK_HINT = "its key was taken away; `eaves node vault unlock` opens it"


class VaultLocked(Transient):
    """Nothing that lies in the vault can be used now."""


class KeysNotHere(Rejected):
    def __init__(self, why: str) -> None:
        super().__init__(f"the keys of the vault are not known here: {why}")


@dataclass(frozen=True, slots=True)
class Standing:
    """How the vault is, for people and reports."""

    phase: Phase
    why: str  # it is not open, or is open and not as it should be
    differs: tuple[int, ...] = ()  # PCRs that are not what was sealed to
    keyring: Keyring | None = field(default=None, repr=False)
    escrow_due: bool = False  # the controller has yet to take the present share


class Vault:
    """`no_sealer` says why there is none; `device`: the partition that it is, else a folder.

    `unsettled`: may the machine boot another system soon?  While it may, no seal goes.
    """

    def __init__(
        self,
        folder: Path,
        sealer: Sealer | None,
        no_sealer: str,
        random: Random,
        device: Path | None = None,
        unsettled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.folder = EncryptedFolder(folder) if device is None else EncryptedDisk(folder, device)
        self._file = KeysFile(folder.parent / KEYS_FILE)
        self._sealer = sealer
        self._no_sealer = no_sealer
        self._random = random
        self._unsettled = unsettled
        self._phase = Phase.START
        self._why = "it is being opened"
        self._found: Event | None = None  # and not opened yet
        self._differs: tuple[int, ...] = ()
        self._keys: Keys | None = None
        self._shares: dict[Holder, bytes] = {}

    # What is asked

    def closed(self) -> str:
        """Why nothing in it can be used; empty: it is open, or there is none to open."""
        if self._phase in (Phase.OPEN, Phase.DISABLED):
            return ""
        word = "not made yet" if self._phase is Phase.FRESH else "locked"
        return f"vault {word}: {self._why}"

    @property
    def encrypted(self) -> bool:
        """Whether what the node keeps belongs into it."""
        return self._phase is not Phase.DISABLED

    @property
    def on_own_disk(self) -> bool:
        return isinstance(self.folder, EncryptedDisk)

    def standing(self) -> Standing:
        return Standing(self._phase, self._why, self._differs, self._file.read, self._due())

    def plan(self) -> Plan:
        return self._file.known().plan

    def escrow_share(self) -> bytes | None:
        """What the controller is to keep; None: nothing, or it is not known here."""
        if self._keys is None or Holder.ESCROW not in self._file.known().plan.holders:
            return None
        return self._keys.shares[Holder.ESCROW]

    def escrow_digest(self) -> bytes | None:
        """What `escrow_stored` is told once the controller keeps the present share."""
        return None if self._keys is None else self._keys.escrow_digest()

    def _due(self) -> bool:
        if self._keys is None or self.escrow_share() is None:
            return False
        return self._keys.escrow_digest() != self._file.known().escrowed

    # Opening

    def start(self, *, make: bool = True) -> None:
        """Open it, make it, or know why neither can be.  Raises nothing that we foresaw."""
        self.find(make=make)
        self.begin()

    def find(self, *, make: bool = True) -> None:
        """Know whether there can be one.  To open it takes seconds: `begin` does."""
        self._phase, self._found, impossible = Phase.START, None, ""
        try:
            if self._file.exists() or self.folder.encrypted():
                self._found = Event.VAULT_THERE
                return
            impossible = self._no_sealer if self._sealer is None else self.folder.impossible()
            if not make:
                impossible = impossible or "there is none yet: the node makes it when it starts"
        except OSError as error:
            impossible = str(error)
        if impossible:
            self._enter(Event.IMPOSSIBLE, impossible)
        else:
            self._found = Event.NOTHING_THERE

    def begin(self) -> None:
        """Open what was found, or make it."""
        found, self._found = self._found, None
        if found is not None:
            self._enter(found)

    def try_again(self) -> None:
        """Ask the TPM once more: it may answer now, or a command sealed anew."""
        if self._phase is Phase.FRESH:
            self._make()
        elif self._phase in (Phase.LOCKED, Phase.OPEN) and self._keys is None:
            self._unseal()

    def give(self, holder: Holder, share: bytes) -> None:
        """A share that was brought: by the controller, or by who has the recovery key."""
        if self._keys is None and self._phase in (Phase.LOCKED, Phase.OPEN):
            self._shares[holder] = share
            self._put_together()

    def give_recovery(self, text: str) -> None:
        """Raises RecoveryKeyUnusable."""
        seed = recovery.recovery_seed(text)
        keyring = self._file.known()
        if keyring.recovery is None:
            raise recovery.RecoveryKeyUnusable("none was made for this vault")
        self.give(Holder.RECOVERY, recovery.disclose(keyring.recovery, seed, keyring.vault))

    def look(self) -> bool:
        """Notice what another process did; True when the phase changed."""
        before = self._phase
        if before not in (Phase.LOCKED, Phase.OPEN):
            return False
        changed = self._file.reload()
        is_open = self.folder.is_open()
        if before is Phase.LOCKED and is_open:
            self._enter(Event.KEY_IN_KERNEL)
        elif before is Phase.OPEN and not is_open:
            self._enter(Event.CLOSED, UNLOCK_HINT)
        elif changed:
            self._keys = None
            self._unseal()
        return self._phase is not before

    def lock(self) -> None:
        """Raises StillInUse when files in it are open."""
        self.folder.close()
        if self._phase is Phase.OPEN:
            self._enter(Event.CLOSED, UNLOCK_HINT)

    # Changing who opens it

    def escrow_stored(self, digest: bytes) -> None:
        """The controller keeps the share of this SHA-256: the former key is not needed more."""
        with self._file.editing() as keyring:
            if self._keys is not None and self._keys.escrow_digest() == digest:
                kept = replace(keyring, escrowed=digest, former=None)
                if kept != keyring:
                    self._file.save(kept)

    def reseal(self) -> None:
        """Seal to what is booted now, and to nothing else."""
        with self._file.editing() as keyring:
            one = sealed(self._needed_sealer(), self._known_keys(), keyring.pcrs)
            self._file.save(replace(keyring, sealed=(one,)))
        self._differs = ()
        log.info("vault_resealed", pcrs=list(keyring.pcrs))

    def _seal_beside(self) -> None:
        """Seal to what is booted now as well."""
        with self._file.editing() as keyring:
            seals = sealed_beside(self._needed_sealer(), self._known_keys(), keyring)
            self._file.save(replace(keyring, sealed=seals))
        self._differs = ()
        log.info("vault_sealed_beside", pcrs=list(keyring.pcrs), seals=len(seals))

    def choose_pcrs(self, pcrs: tuple[int, ...], policy_id: int) -> None:
        """Seal to other PCRs, as the controller says."""
        keyring = self._file.known()
        if (keyring.pcrs, keyring.policy_id) == (pcrs, policy_id) or self._keys is None:
            return
        with self._file.editing() as keyring:
            self._file.save(replace(keyring, pcrs=pcrs, policy_id=policy_id))
        self._enter(Event.PCRS_CHOSEN)

    def expect(self, values: Mapping[int, bytes]) -> None:
        """Let it open too once these PCRs have these values, the others those of now."""
        with self._file.editing() as keyring:
            new = sealed(self._needed_sealer(), self._known_keys(), keyring.pcrs, values)
            kept = tuple(s for s in keyring.sealed if s.values != new.values)
            self._file.save(replace(keyring, sealed=(*kept, new)))
        log.info("vault_update_expected", pcrs=sorted(values))

    def measured(self, pcrs: tuple[int, ...]) -> Mapping[int, bytes]:
        """What these hold now."""
        return self._needed_sealer().pcrs(pcrs)

    def booted_expected(self) -> bool:
        """What runs is what an update was expected to bring, and older seals still stand."""
        if self._unsettled():
            return False  # another one may boot: its seal, and that of what is left, are kept
        keyring, sealer = self._file.read, self._sealer
        if keyring is None or sealer is None or self._keys is None or not keyring.sealed[1:]:
            return False
        now = sealer.pcrs({pcr for one in keyring.sealed for pcr in one.values})
        return any(one.expected and not differing((one,), now) for one in keyring.sealed)

    def rotate(self, plan: Plan | None = None) -> None:
        """Another vault key, for the same data; shares of the old one open nothing more.

        The former key opens until the controller keeps a share of the new one, if it is to.
        """
        with self._file.editing() as keyring:
            plan = plan or keyring.plan
            check_plan(plan)
            if Holder.RECOVERY in plan.holders and not keyring.recovery_public:
                raise PlanUnusable(
                    "there is no recovery key: `eaves node vault recovery-key` first"
                )
            keys = new_keys(plan, self._random, self._known_keys().data_key)
            former = Former(keyring.data_key, keyring.generation, keyring.plan.needed)
            generation = keyring.generation + 1
            renewed = replace(
                keyring,
                plan=plan,
                generation=generation,
                data_key=wrap(keys, keyring.vault, generation, self._random),
                sealed=sealed_again(
                    self._needed_sealer(), keys, keyring, unsettled=self._unsettled()
                ),
                recovery=self._enclosed(keyring.recovery_public, keyring.vault, keys),
                escrowed=b"",
                former=former if Holder.ESCROW in plan.holders else None,
            )
            self._file.save(renewed)
            self._keys = keys
        log.info("vault_key_rotated", generation=generation)

    def new_recovery(self) -> str:
        """Make a recovery key, or another one; the text is to be printed, it is kept nowhere."""
        with self._file.editing() as keyring:
            keys, seed = self._known_keys(), self._random(recovery.SEED_BYTES)
            public, holders = recovery.public_key(seed), keyring.plan.holders
            if Holder.RECOVERY not in holders:
                holders = (*holders, Holder.RECOVERY)
            self._file.save(
                replace(
                    keyring,
                    plan=Plan(keyring.plan.needed, holders),
                    recovery_public=public,
                    recovery=self._enclosed(public, keyring.vault, keys),
                )
            )
        log.info("vault_recovery_key_made")
        return recovery.recovery_text(seed)

    # The moves

    def _enter(self, event: Event, why: str = "") -> None:
        before = self._phase
        self._phase, acts = move(before, event)
        self._why = why
        if self._phase is not before or why:
            log.info("vault", phase=str(self._phase), because=str(event), why=why)
        for act in acts:
            self._do(act)

    def _do(self, act: Act) -> None:
        match act:
            case Act.MAKE:
                self._make()
            case Act.UNSEAL:
                self._unseal()
            case Act.RESEAL:
                self._reseal_if_possible()
            case Act.FORGET:
                self._keys = None
                self._shares.clear()

    def _make(self) -> None:
        """Keys first: a folder whose keys were lost would be lost, keys without a folder not."""
        try:
            vault, keys = self._random(VAULT_BYTES), new_keys(Plan(), self._random)
            keyring = Keyring(vault, wrap(keys, vault, 1, self._random))
            one = sealed(self._needed_sealer(), keys, keyring.pcrs)
            self._file.save(replace(keyring, sealed=(one,)))
            self.folder.open(fscrypt_key(keys))
        except (EavesError, OSError) as error:
            if not self.folder.encrypted():
                self._file.remove()
            # A TPM that is busy must not make a node that keeps its volumes in the clear.
            later = isinstance(error, Transient)
            self._enter(Event.TPM_FAILED if later else Event.IMPOSSIBLE, str(error))
            return
        self._keys = keys
        self._enter(Event.MADE)

    def _unseal(self) -> None:
        """The TPM's share, then whatever it completes."""
        self._differs = ()
        try:
            self._file.reload()
            keyring, sealer = self._file.known(), self._needed_sealer()
            present = sealer.pcrs(keyring.pcrs)
            self._differs = differing(keyring.sealed, present)
            self._shares[Holder.TPM] = unsealed(sealer, keyring, present)
        except EavesError as error:
            if self._differs:
                self._enter(Event.PCRS_DIFFER, self._differs_text())
            else:
                self._enter(Event.TPM_FAILED, str(error))
            return
        self._put_together()

    def _put_together(self) -> None:
        keyring = self._file.known()
        found = unlock(keyring, self._shares)
        if found is None:
            self._not_enough(keyring)
            return
        try:
            self.folder.open(fscrypt_key(found.keys))
        except (EavesError, OSError) as error:
            self._shares.clear()
            self._enter(Event.WRONG_SHARE, str(error))
            return
        by_tpm = Holder.TPM in self._shares and not self._differs
        self._keys = found.keys
        self._shares.clear()
        if found.former:
            self._leave_former()
        self._enter(Event.UNSEALED if by_tpm else Event.RECOVERED)

    def _not_enough(self, keyring: Keyring) -> None:
        have, needed = len(self._shares), keyring.plan.needed
        if have >= needed:
            named = ", ".join(sorted(self._shares))
            self._shares.clear()
            self._enter(Event.WRONG_SHARE, f"its key does not follow from what {named} gave")
            return
        others = [h for h in keyring.plan.holders if h not in self._shares]
        why = f"{have} of {needed} shares of its key are here, missing of {', '.join(others)}"
        if self._differs:
            why += f"; {self._differs_text()}"
        self._enter(Event.MORE_NEEDED, why)

    def _leave_former(self) -> None:
        """The controller gave the share of a key that was replaced: make one that it learns of."""
        try:
            self.rotate()
        except (EavesError, OSError) as error:
            log.warning("vault_key_not_rotated", error=str(error))

    def _reseal_if_possible(self) -> None:
        """An open vault that cannot be sealed anew stays open, and says so."""
        try:
            if self._unsettled():
                self._seal_beside()
            else:
                self.reseal()
        except (EavesError, OSError) as error:
            self._why = f"not sealed to what is booted now: {error}"
            log.warning("vault_not_resealed", error=str(error))

    def _differs_text(self) -> str:
        return (
            f"{pcrs_text(self._differs)} from what it was sealed to; if the change was meant,"
            " accept it in the controller (`eaves attestation accept`), or open it here with"
            " `eaves node vault recover`"
        )

    def _enclosed(self, public: bytes, vault: bytes, keys: Keys) -> recovery.Enclosed | None:
        if not public:
            return None
        return recovery.enclose(keys.shares[Holder.RECOVERY], public, vault, self._random)

    def _needed_sealer(self) -> Sealer:
        if self._sealer is None:
            raise KeysNotHere(f"a TPM sealed them, and {self._no_sealer}")
        return self._sealer

    def _known_keys(self) -> Keys:
        if self._keys is None:
            raise KeysNotHere(self._why or "the vault was opened by another process")
        return self._keys
