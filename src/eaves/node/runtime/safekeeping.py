"""The vault beside the running node: what others do to it is noticed, its share goes to the
controller, and what the controller gives back opens it.

What blocks (the TPM, the disk) runs in a thread; one lock keeps two of them from meeting.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.errors import EavesError
from eaves.evapi.attest import AttestVolumeKey
from eaves.evapi.info import MaintenanceModeReason
from eaves.evapi.keys import KeyAgreement
from eaves.node.runtime.vault_status import VaultSeen
from eaves.node.vault.escrow import escrowed, given_back
from eaves.node.vault.keeper import Vault
from eaves.node.vault.keyring import Holder, accepted_pcrs, stricter_plan
from eaves.node.vault.states import Phase

log = structlog.get_logger(__name__)

LOOK_S = 2.0
ASK_TPM_AGAIN_S = 60.0


class Safekeeping:
    """`opened` is called when what lies in the vault can be used; `due` when the controller should
    be asked to keep another share; `changed` when a report may differ.
    """

    def __init__(
        self,
        vault: Vault,
        own: KeyAgreement,
        device_key: ec.EllipticCurvePublicKey,
        *,
        opened: Callable[[], None],
        due: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self.vault = vault
        self._own = own
        self._device_key = device_key
        self._opened = opened
        self._due = due
        self._changed = changed
        self._lock = asyncio.Lock()
        self._escrow_error = ""
        self._plan_error = ""
        self._told: Phase = vault.standing().phase
        self._said_due = False
        self._offered: bytes | None = None  # digest of the share that is on its way
        self._locked_since: float | None = None
        self._asked_at = 0.0

    # For reports

    def seen(self) -> VaultSeen:
        return VaultSeen(
            self.vault.standing(), self.vault.closed(), self._escrow_error, self._plan_error
        )

    def reasons(self, cutoff_s: float) -> tuple[MaintenanceModeReason, ...]:
        """VAULT_LOCKED_UP once it has been locked for the time of timer.vault.ready.cutoff."""
        since = self._locked_since
        if since is None or asyncio.get_running_loop().time() - since < cutoff_s:
            return ()
        return (MaintenanceModeReason.MAINTENANCE_MODE_REASON_VAULT_LOCKED_UP,)

    # The controller's part

    async def returned(self, keys: Iterable[AttestVolumeKey]) -> None:
        """What came with a successful attestation, and with nothing else."""
        async with self._lock:
            for key in keys:
                await self._take(key)
            self._said_due = self.vault.standing().escrow_due  # sent next by whoever called
            self._note()

    async def _take(self, key: AttestVolumeKey) -> None:
        self._escrow_error = ""
        try:
            share = await asyncio.to_thread(given_back, key, self._own, self._device_key)
            if share is None:
                return
            await asyncio.to_thread(self.vault.give, Holder.ESCROW, share)
            asked = accepted_pcrs(key.policy_pcr_list if key.has_policy_pcr_list else None)
            if asked is not None and key.policy_pcr_list is not None:
                await asyncio.to_thread(
                    self.vault.choose_pcrs, asked, key.policy_pcr_list.policy_id
                )
        except EavesError as error:
            if self.vault.closed():
                self._escrow_error = str(error)
            log.warning("escrowed_key_not_used", error=str(error))

    async def to_escrow(self) -> tuple[AttestVolumeKey, ...]:
        """Sent after each attestation: a controller that lost it gets it again."""
        async with self._lock:
            share = self.vault.escrow_share()
            if share is None:
                self._offered = None
                return ()
            self._offered = self.vault.escrow_digest()
            return (await asyncio.to_thread(escrowed, share, self._own, self._device_key),)

    async def stored(self) -> None:
        """The controller keeps what `to_escrow` gave."""
        async with self._lock:
            if self._offered is None:
                return
            try:
                await asyncio.to_thread(self.vault.escrow_stored, self._offered)
            except EavesError as error:
                log.warning("escrow_not_noted", error=str(error))
            self._note()

    # The machine's part

    async def begin(self) -> None:
        """Each start attests, and then sends what the controller has yet to keep."""
        async with self._lock:
            await asyncio.to_thread(self.vault.begin)
            self._said_due = self.vault.standing().escrow_due
            self._note()

    async def run_forever(self) -> None:
        while True:
            async with self._lock:
                await self._look()
                self._note()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        try:
            await asyncio.to_thread(self.vault.look)
            if self.vault.closed() and now - self._asked_at >= ASK_TPM_AGAIN_S:
                self._asked_at = now
                await asyncio.to_thread(self.vault.try_again)
        except (EavesError, OSError) as error:
            log.warning("vault_not_looked_at", error=str(error))

    def sealed_to(self, pcr: int) -> bool:
        """Does the vault stay shut once this one has another value?"""
        keyring = self.vault.standing().keyring
        return keyring is not None and self.vault.encrypted and pcr in keyring.pcrs

    async def measured(self, pcrs: Iterable[int]) -> Mapping[int, bytes]:
        """What these hold now.  Raises EavesError."""
        async with self._lock:
            return await asyncio.to_thread(self.vault.measured, tuple(pcrs))

    async def expect(self, values: Mapping[int, bytes]) -> None:
        """Let it open too once these PCRs have these values; others are not sealed to.

        Does nothing where no vault is sealed.  Raises EavesError.
        """
        async with self._lock:
            keyring = self.vault.standing().keyring
            if keyring is None or not self.vault.encrypted:
                return
            chosen = {pcr: value for pcr, value in values.items() if pcr in keyring.pcrs}
            if chosen:
                await asyncio.to_thread(self.vault.expect, chosen)

    def needs_seal(self) -> str:
        """Why the vault would stay shut once something else boots, whatever the controller gives.

        Empty: the controller's share opens it.
        """
        standing = self.vault.standing()
        keyring = standing.keyring
        if keyring is None or not self.vault.encrypted:
            return ""
        if Holder.ESCROW not in keyring.plan.holders:
            return "the controller is none of those that open it"
        if not keyring.escrowed or standing.escrow_due:
            return "the controller does not keep the present share of its key yet"
        if keyring.plan.needed > 1:
            return f"{keyring.plan.needed} holders must agree, and without the TPM only one can"
        return ""

    async def settle(self) -> None:
        """What an update brought has proven itself: seals to what was before go."""
        async with self._lock:
            try:
                if await asyncio.to_thread(self.vault.booted_expected):
                    await asyncio.to_thread(self.vault.reseal)
            except (EavesError, OSError) as error:
                log.warning("vault_not_settled", error=str(error))

    async def require(self, needed: int) -> None:
        """Have at least so many holders agree from now on, as the controller asks."""
        async with self._lock:
            found = ""
            try:
                await asyncio.to_thread(self._require, needed)
            except EavesError as error:
                found = f"more holders are asked for: {error}"
            if found != self._plan_error:
                self._plan_error = found
                log.info("vault_holders", needed=needed, error=found)
                self._changed()
            self._note()

    def _require(self, needed: int) -> None:
        keyring = self.vault.standing().keyring
        if keyring is None or not self.vault.encrypted or self.vault.closed():
            return
        plan = stricter_plan(keyring.plan, needed)
        if plan is not None:
            self.vault.rotate(plan)

    def _note(self) -> None:
        """Tell whom it concerns, each thing once."""
        standing = self.vault.standing()
        now = asyncio.get_running_loop().time()
        if not self.vault.closed():
            self._locked_since, self._escrow_error = None, ""
        elif self._locked_since is None:
            self._locked_since = now
        if standing.phase is not self._told:
            self._told = standing.phase
            if not self.vault.closed():
                self._opened()
            self._changed()
        due, said = standing.escrow_due, self._said_due
        self._said_due = due
        if due and not said:
            self._due()
