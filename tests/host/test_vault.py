"""The vault on a real file system with a TPM in software: what opens it, and what never does."""

import asyncio
import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace
from support.encrypted_disk import make_image, mounted
from support.vault_ground import OTHER_LOADER, USUAL, Machine, machine, software_tpm, values_of

from eaves.evapi.keys import SoftKeyAgreement
from eaves.node.runtime.safekeeping import Safekeeping
from eaves.node.runtime.vault_status import vault_text
from eaves.node.tpm.device import Tpm
from eaves.node.tpm.errors import NotThisTpm, PolicyMismatch
from eaves.node.vault.escrow import EscrowUnusable, escrowed, given_back
from eaves.node.vault.keeper import KeysNotHere, Vault
from eaves.node.vault.keyring import DEFAULT_PCRS, Holder, Plan, PlanUnusable, encode_keyring
from eaves.node.vault.recovery import RecoveryKeyUnusable, recovery_text
from eaves.node.vault.sealing import NotSealable
from eaves.node.vault.states import Phase

pytestmark = pytest.mark.host

SECRET, NAME = b"the-secret-of-the-pump-house", "name-that-nobody-may-read"
EVERYBODY = (Holder.TPM, Holder.ESCROW, Holder.RECOVERY)


@pytest.fixture
def ground(tmp_path: Path) -> Generator[Machine]:
    with machine(tmp_path) as one:
        yield one


def filled(ground: Machine) -> Vault:
    """A vault with a secret in it."""
    vault = ground.vault()
    assert vault.closed() == ""
    file(ground).write_bytes(SECRET)
    return vault


def file(ground: Machine) -> Path:
    return ground.disk / "vault" / NAME


def escrow(vault: Vault) -> bytes:
    share = vault.escrow_share()
    assert share is not None
    return share


def test_it_is_made_opens_by_itself_at_the_next_boot_and_is_noise_between(
    ground: Machine, tmp_path: Path
) -> None:
    vault = filled(ground)
    assert vault.standing().phase is Phase.OPEN
    vault.lock()
    names = os.listdir(ground.disk / "vault")  # noqa: PTH208 - names, as the kernel gives them
    assert NAME not in names
    with pytest.raises(OSError, match="Required key not available"):
        (ground.disk / "vault" / names[0]).read_bytes()
    with pytest.raises(OSError, match="Required key not available"):
        (ground.disk / "vault" / "new").write_bytes(b"")
    ground.power_cut()
    assert ground.vault().closed() == ""
    assert file(ground).read_bytes() == SECRET
    clear = ground.clear_text()
    assert SECRET not in clear
    assert NAME.encode() not in clear
    copy = shutil.copyfile(ground.image, tmp_path / "stolen.img")
    with mounted(copy, tmp_path / "elsewhere") as stolen:
        stolen_names = os.listdir(stolen / "vault")  # noqa: PTH208 - names, as the kernel gives them
        assert len(stolen_names) == 1
        assert NAME not in stolen_names


def test_another_boot_chain_leaves_it_locked_and_names_the_pcr(ground: Machine) -> None:
    filled(ground)
    ground.power_cut(OTHER_LOADER)
    vault = ground.vault()
    assert vault.standing().phase is Phase.LOCKED
    assert vault.standing().differs == (4,)
    assert "PCR 4 differs" in vault.closed()
    assert not file(ground).exists()
    assert vault.escrow_share() is None
    vault.try_again()
    assert "PCR 4 differs" in vault.closed()
    ground.power_cut()  # the usual one again
    assert ground.vault().closed() == ""
    assert file(ground).read_bytes() == SECRET


def test_values_that_were_altered_in_the_keys_file_do_not_move_the_tpm(ground: Machine) -> None:
    filled(ground)
    ground.power_cut(OTHER_LOADER)
    keyring = ground.vault().standing().keyring
    assert keyring is not None
    with Tpm(ground.chip.tcti) as tpm:
        present = tpm.pcrs(keyring.pcrs)
    forged = replace(keyring, sealed=tuple(replace(s, values=present) for s in keyring.sealed))
    (ground.disk / "vault-keys.json").write_bytes(encode_keyring(forged))
    vault = ground.vault()
    assert vault.standing().differs == ()
    assert str(PolicyMismatch(keyring.pcrs)) in vault.closed()


def test_a_disk_in_another_machine_stays_locked(ground: Machine, tmp_path: Path) -> None:
    filled(ground)
    ground.power_cut()
    with software_tpm(tmp_path / "another") as other:
        tpm = Tpm(other.tcti)
        vault = Vault(ground.disk / "vault", tpm, "no TPM", os.urandom)
        vault.start()
        assert vault.standing().differs == ()  # it booted the very same
        assert "does not belong to this TPM" in vault.closed()
        keyring = vault.standing().keyring
        assert keyring is not None
        tpm.close()
    assert NotThisTpm().args[0] in vault.closed()
    without = Vault(ground.disk / "vault", None, "this machine has none", os.urandom)
    without.start()
    assert "this machine has none" in without.closed()


def test_escrow_opens_it_after_a_change_and_it_is_sealed_to_that(ground: Machine) -> None:
    device = ec.generate_private_key(ec.SECP256R1())
    own = SoftKeyAgreement(ec.generate_private_key(ec.SECP256R1()))
    kept = escrowed(escrow(filled(ground)), own, device.public_key())
    ground.power_cut(OTHER_LOADER)
    vault = ground.vault()
    stranger = SoftKeyAgreement(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(EscrowUnusable):
        given_back(kept, stranger, device.public_key())
    vault.give(Holder.ESCROW, os.urandom(32))
    assert "does not follow from what escrow gave" in vault.closed()
    share = given_back(kept, own, device.public_key())
    assert share is not None
    vault.give(Holder.ESCROW, share)
    assert vault.closed() == ""
    assert file(ground).read_bytes() == SECRET
    ground.power_cut(OTHER_LOADER)
    assert ground.vault().closed() == ""
    ground.power_cut(USUAL)  # a rolled-back version
    assert "PCR 4 differs" in ground.vault().closed()


def test_the_recovery_key_opens_it_and_a_newer_one_replaces_it(ground: Machine) -> None:
    vault = filled(ground)
    with pytest.raises(RecoveryKeyUnusable, match="none was made"):
        vault.give_recovery(recovery_text(bytes(20)))
    old, new = vault.new_recovery(), vault.new_recovery()
    ground.power_cut(OTHER_LOADER)
    locked = ground.vault()
    with pytest.raises(RecoveryKeyUnusable, match="a newer one replaced it"):
        locked.give_recovery(old)
    assert locked.closed()
    locked.give_recovery(new)
    assert locked.closed() == ""
    assert file(ground).read_bytes() == SECRET
    for text in (old, new, new.replace("-", "")):
        assert text.encode() not in ground.clear_text()


def test_two_of_three_must_agree(ground: Machine) -> None:
    vault = filled(ground)
    printed = vault.new_recovery()
    vault.rotate(Plan(2, EVERYBODY))
    vault.escrow_stored(digest(vault))
    share = escrow(vault)
    ground.power_cut()
    alone = ground.vault()
    assert "1 of 2 shares of its key are here, missing of escrow, recovery" in alone.closed()
    alone.give(Holder.ESCROW, share)
    assert alone.closed() == ""
    ground.power_cut(OTHER_LOADER)
    changed = ground.vault()
    assert "PCR 4 differs" in changed.closed()
    changed.give(Holder.ESCROW, share)
    assert "1 of 2" in changed.closed()
    assert "PCR 4 differs" in changed.closed()
    changed.give_recovery(printed)
    assert changed.closed() == ""
    assert file(ground).read_bytes() == SECRET


def test_a_controller_asks_for_more_holders_and_never_for_fewer(ground: Machine) -> None:
    vault = filled(ground)
    own, device = (ec.generate_private_key(ec.SECP256R1()) for _ in "12")
    due: list[bool] = []
    keeping = Safekeeping(
        vault,
        SoftKeyAgreement(own),
        device.public_key(),
        opened=lambda: None,
        due=lambda: due.append(True),
        changed=lambda: None,
    )

    def asked(needed: int) -> Plan:
        asyncio.run(keeping.require(needed))
        return vault.plan()

    vault.escrow_stored(digest(vault))
    asked(0)
    assert asked(2) == Plan(2, EVERYBODY[:2])
    assert due  # the controller is to keep a share of the new key
    vault.escrow_stored(digest(vault))
    assert [asked(needed).needed for needed in (1, 0, 3)] == [2, 2, 2]
    assert "print a recovery key" in vault_text(keeping.seen())
    vault.new_recovery()
    assert asked(3) == Plan(3, EVERYBODY)
    assert "asked for" not in vault_text(keeping.seen())
    share = escrow(vault)
    vault.escrow_stored(digest(vault))
    ground.power_cut()
    alone = ground.vault()
    alone.give(Holder.ESCROW, share)
    assert "2 of 3 shares" in alone.closed()


def digest(vault: Vault) -> bytes:
    found = vault.escrow_digest()
    assert found is not None
    return found


def test_a_plan_needs_its_holders(ground: Machine) -> None:
    vault = filled(ground)
    with pytest.raises(PlanUnusable, match="recovery-key"):
        vault.rotate(Plan(2, EVERYBODY))
    with pytest.raises(PlanUnusable, match="TPM"):
        vault.rotate(Plan(1, (Holder.ESCROW,)))


def test_a_rotated_key_ends_the_old_shares_and_not_the_data(ground: Machine) -> None:
    vault = filled(ground)
    printed = vault.new_recovery()
    old = escrow(vault)
    vault.rotate()
    assert vault.standing().escrow_due
    assert escrow(vault) != old
    ground.power_cut(OTHER_LOADER)
    # The controller never heard of the new key: what it has still opens, and another is made.
    by_former = ground.vault()
    by_former.give(Holder.ESCROW, old)
    assert by_former.closed() == ""
    assert escrow(by_former) != old
    by_former.escrow_stored(digest(by_former))
    assert not by_former.standing().escrow_due
    newest = escrow(by_former)
    ground.power_cut()
    settled = ground.vault()
    settled.give(Holder.ESCROW, old)
    assert "does not follow" in settled.closed()
    settled.give_recovery(printed)  # the same paper opens every key that comes after
    assert settled.closed() == ""
    assert escrow(settled) == newest
    assert file(ground).read_bytes() == SECRET


def test_an_update_that_is_expected_opens_it_and_the_old_version_then_does_not(
    ground: Machine,
) -> None:
    vault = filled(ground)
    vault.expect({4: values_of(OTHER_LOADER)[4]})
    with pytest.raises(NotSealable, match="PCR 5"):
        vault.expect({5: bytes(32)})
    ground.power_cut()  # it did not come to the update: the present one opens as before
    assert ground.vault().closed() == ""
    ground.power_cut(OTHER_LOADER)
    updated = ground.vault()
    assert updated.closed() == ""
    assert updated.booted_expected()
    assert not ground.vault(unsettled=True).booted_expected(), "another one may boot next"
    ground.power_cut()  # it fell back while it was on trial
    assert ground.vault().closed() == ""
    ground.power_cut(OTHER_LOADER)
    proven = ground.vault()
    proven.reseal()
    assert not proven.booted_expected()
    ground.power_cut()
    assert "PCR 4 differs" in ground.vault().closed()


def choose_others(vault: Vault) -> None:
    vault.choose_pcrs((0, 4, 8), 7)


def choose_more(vault: Vault) -> None:
    vault.choose_pcrs((*DEFAULT_PCRS, 15), 8)


def opened_by_escrow(ground: Machine) -> Vault:
    """A system on trial of which nobody predicted what it measures."""
    share = escrow(filled(ground))
    ground.power_cut(OTHER_LOADER)
    trial = ground.vault(unsettled=True)
    trial.give(Holder.ESCROW, share)
    return trial


def nothing_else(_vault: Vault) -> None:
    """The share alone came back."""


@pytest.mark.parametrize("then", [nothing_else, Vault.rotate, choose_others, choose_more])
def test_a_trial_that_escrow_opened_leaves_it_open_to_the_system_before(
    ground: Machine, then: Callable[[Vault], None]
) -> None:
    trial = opened_by_escrow(ground)
    then(trial)
    assert trial.closed() == ""
    ground.power_cut(OTHER_LOADER)  # the trial goes on, and the controller is away for good
    trial = ground.vault(unsettled=True)
    assert trial.closed() == ""
    ground.power_cut()
    before = ground.vault()
    assert before.closed() == ""
    assert file(ground).read_bytes() == SECRET
    settle(before)
    ground.power_cut(OTHER_LOADER)
    assert "PCR 4 differs" in ground.vault().closed()


@pytest.mark.parametrize("then", [nothing_else, Vault.rotate, choose_others, choose_more])
def test_a_trial_that_escrow_opened_has_it_alone_once_it_is_committed(
    ground: Machine, then: Callable[[Vault], None]
) -> None:
    trial = opened_by_escrow(ground)
    then(trial)
    settle(trial)  # it may still be left
    assert trial.closed() == ""
    settle(ground.vault())
    ground.power_cut(OTHER_LOADER)
    assert ground.vault().closed() == ""
    ground.power_cut()
    assert "PCR 4 differs" in ground.vault().closed()


def settle(vault: Vault) -> None:
    """As the node does once the controller has let what runs in for its time."""
    key = ec.generate_private_key(ec.SECP256R1())
    keeping = Safekeeping(
        vault,
        SoftKeyAgreement(key),
        key.public_key(),
        opened=lambda: None,
        due=lambda: None,
        changed=lambda: None,
    )
    asyncio.run(keeping.settle())


def test_a_share_of_a_replaced_key_that_opens_a_trial_opens_it_to_the_system_before_too(
    ground: Machine,
) -> None:
    vault = filled(ground)
    old = escrow(vault)
    vault.rotate()
    ground.power_cut(OTHER_LOADER)
    trial = ground.vault(unsettled=True)
    trial.give(Holder.ESCROW, old)  # the controller never heard of the new key
    assert trial.closed() == ""
    ground.power_cut()
    assert ground.vault().closed() == ""


def test_another_process_that_opens_or_locks_it_is_noticed(ground: Machine) -> None:
    printed = filled(ground).new_recovery()
    ground.power_cut(OTHER_LOADER)
    node = ground.vault()
    assert not node.look()
    by_command = ground.vault()
    by_command.give_recovery(printed)
    assert node.look()
    assert node.closed() == ""
    by_command.rotate()
    node.look()
    assert escrow(node) == escrow(by_command)
    by_command.lock()
    assert node.look()
    assert "taken away" in node.closed()
    with pytest.raises(KeysNotHere):
        node.rotate()


def test_a_clear_folder_in_its_place_is_not_taken_for_it(ground: Machine) -> None:
    filled(ground)
    ground.power_cut()
    shutil.move(ground.disk / "vault", ground.disk / "away")
    (ground.disk / "vault").mkdir()
    (ground.disk / "vault" / "bait").write_text("write your secrets here")
    vault = ground.vault()
    assert "it holds data in the clear" in vault.closed()


def test_keys_that_are_lost_or_damaged_leave_it_locked(ground: Machine) -> None:
    filled(ground)
    ground.power_cut()
    keys = ground.disk / "vault-keys.json"
    keys.write_bytes(b"{")
    assert ground.vault().closed() == ""  # the other copy is whole
    ground.power_cut()
    keys.unlink()
    (ground.disk / "vault-keys.json.bak").unlink()
    assert "bring it back from a copy" in ground.vault().closed()


def test_where_there_can_be_none_it_says_why(ground: Machine, tmp_path: Path) -> None:
    vault = Vault(ground.disk / "vault", None, "this machine has no TPM", os.urandom)
    vault.start()
    assert (vault.closed(), vault.standing().phase) == ("", Phase.DISABLED)
    assert vault.standing().why == "this machine has no TPM"
    ground.chip.boot(((0, b"x"),))
    assert "PCR 4 is zero" in ground.vault().standing().why
    assert not (ground.disk / "vault-keys.json").exists()
    ground.chip.boot()
    (ground.disk / "vault").mkdir()
    (ground.disk / "vault" / "old").write_text("data from before")
    assert "holds data from before" in ground.vault().standing().why
    plain = make_image(tmp_path / "plain.img", 16, encrypt=False)
    with mounted(plain, tmp_path / "plain") as at, Tpm(ground.chip.tcti) as tpm:
        vault = Vault(at / "vault", tpm, "", os.urandom)
        vault.start()
        assert "tune2fs -O encrypt" in vault.standing().why
        assert vault.closed() == ""


def test_folders_of_an_earlier_start_are_no_data(ground: Machine) -> None:
    (ground.disk / "vault" / "blobs" / "sha256").mkdir(parents=True)
    assert filled(ground).standing().phase is Phase.OPEN


def test_a_tpm_that_is_away_at_the_first_start_makes_no_clear_node(ground: Machine) -> None:
    ground.chip.off()
    vault = ground.vault()
    assert vault.standing().phase is Phase.FRESH
    assert "vault not made yet" in vault.closed()
    ground.chip.boot()
    vault.try_again()
    assert vault.closed() == ""
