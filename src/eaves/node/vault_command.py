"""`eaves node vault`: the vault of this machine, by whoever stands before it.

These commands work on the machine alone, with the node running or not, and without a controller.
They need root: who is root on a running node reads the open vault anyway.
"""

import io
import json
import logging
import os
import shlex
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import IO

import click
import structlog

from eaves.errors import EavesError
from eaves.node.baseos.booted import read_booted
from eaves.node.host.machine import Host
from eaves.node.install import launcher
from eaves.node.runtime.security_module import find_tpm
from eaves.node.runtime.vault_status import VaultSeen, vault_text
from eaves.node.settings import Settings
from eaves.node.tpm.device import Tpm
from eaves.node.vault.keeper import KeysNotHere, Vault
from eaves.node.vault.keyring import Holder, Plan
from eaves.node.vault.states import Phase

VAULT = "vault"  # below the state folder
NO_TPM_HERE = "this machine has no TPM that the node uses"


def vault_of(
    settings: Settings,
    tpm: Tpm | None,
    no_tpm: str = NO_TPM_HERE,
    unsettled: Callable[[], bool] = lambda: False,
) -> Vault:
    """Not yet looked at."""
    booted = read_booted(settings.boot_env)
    device = None if booted is None else booted.persist
    return Vault(settings.state_dir / VAULT, tpm, no_tpm, os.urandom, device, unsettled)


@contextmanager
def _there(settings: Settings, key: IO[str] | None = None) -> Generator[Vault]:
    """The vault, which must be there; `key`: holds the recovery key, which adds its share."""
    with _looked_at(settings) as vault:
        if vault.standing().phase is Phase.DISABLED:
            raise KeysNotHere(vault.standing().why)
        if key is not None:
            vault.give_recovery(key.read())
        yield vault


with_key = click.option(
    "--key-file",
    "key",
    type=click.File("r"),
    help="File that holds the recovery key (`-`: standard input), where the TPM is not enough.",
)


@contextmanager
def _looked_at(settings: Settings) -> Generator[Vault]:
    """The vault as it is, looked at; nothing is made."""
    if os.geteuid() != 0:
        again = shlex.join([*launcher(), *sys.argv[1:]])
        raise click.ClickException(f"the vault is for root: run `sudo {again}`")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    tpm = find_tpm(settings, Host().machine())
    try:
        vault = vault_of(settings, tpm)
        vault.start(make=False)
        yield vault
    except EavesError as error:
        raise click.ClickException(str(error)) from error
    finally:
        if tpm is not None:
            tpm.close()


@click.group("vault")
def vault_command() -> None:
    """The encrypted vault: its state, recovery and keys (root)."""


@vault_command.command("status")
@click.option("-o", "--output", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def status(settings: Settings, form: str) -> None:
    """Open or locked, why, and who can open it.  A locked one is tried first."""
    with _looked_at(settings) as vault:
        click.echo(_json(vault) if form == "json" else _text(vault))


@vault_command.command("unlock")
@click.pass_obj
def unlock(settings: Settings) -> None:
    """Ask the TPM for the key."""
    with _there(settings) as vault:
        _say_opened(vault)


@vault_command.command("lock")
@click.pass_obj
def lock(settings: Settings) -> None:
    """Take the key from the kernel; apps must be stopped."""
    with _there(settings) as vault:
        vault.lock()
        click.echo("vault locked")


@vault_command.command("recover")
@with_key
@click.pass_obj
def recover(settings: Settings, key: IO[str] | None) -> None:
    """Open it with the printed recovery key, and seal it to what is booted now."""
    typed = key or io.StringIO(click.prompt("Recovery key", hide_input=True))
    with _there(settings, typed) as vault:
        _say_opened(vault)


@vault_command.command("recovery-key")
@with_key
@click.pass_obj
def recovery_key(settings: Settings, key: IO[str] | None) -> None:
    """Make a recovery key and print it, once.  One that was printed before opens no more."""
    with _there(settings, key) as vault:
        text = vault.new_recovery()
    click.echo(text)
    click.echo("write it down and keep it away from this machine: it is shown only now", err=True)


@vault_command.command("rotate")
@click.option("--needed", type=click.IntRange(1, 3), help="How many of the holders must agree.")
@click.option(
    "--holder",
    "holders",
    multiple=True,
    type=click.Choice([holder.value for holder in Holder]),
    help="Who holds a share; may be repeated, `tpm` must be one.",
)
@with_key
@click.pass_obj
def rotate(
    settings: Settings, needed: int | None, holders: tuple[str, ...], key: IO[str] | None
) -> None:
    """Make another vault key; the data is not written again."""
    with _there(settings, key) as vault:
        plan = vault.plan()
        plan = Plan(needed or plan.needed, tuple(map(Holder, holders)) or plan.holders)
        vault.rotate(plan)
        click.echo(_text(vault))


@vault_command.command("expect")
@click.argument("values", nargs=-1, required=True, metavar="PCR=SHA256...")
@with_key
@click.pass_obj
def expect(settings: Settings, values: tuple[str, ...], key: IO[str] | None) -> None:
    """Seal it also to the PCR values of an update that is about to boot."""
    with _there(settings, key) as vault:
        vault.expect(dict(_pcr_value(value) for value in values))
        click.echo(_text(vault))


@vault_command.command("reseal")
@with_key
@click.pass_obj
def reseal(settings: Settings, key: IO[str] | None) -> None:
    """Seal it to what is booted now, and to nothing else."""
    with _there(settings, key) as vault:
        vault.reseal()
        click.echo(_text(vault))


def _say_opened(vault: Vault) -> None:
    if vault.closed():
        raise click.ClickException(vault.closed())
    click.echo(_text(vault))


def _text(vault: Vault) -> str:
    return vault_text(VaultSeen(vault.standing(), vault.closed()))


def _json(vault: Vault) -> str:
    standing = vault.standing()
    keyring = standing.keyring
    told = {
        "phase": str(standing.phase),
        "open": standing.phase is Phase.OPEN,
        "why": standing.why,
        "differs": list(standing.differs),
        "pcrs": list(keyring.pcrs) if keyring else [],
        "needed": keyring.plan.needed if keyring else 0,
        "holders": list(keyring.plan.holders) if keyring else [],
        "generation": keyring.generation if keyring else 0,
        "escrowed": bool(keyring and keyring.escrowed),
        "update_expected": bool(keyring and any(one.expected for one in keyring.sealed)),
    }
    return json.dumps(told, indent=2)


def _pcr_value(text: str) -> tuple[int, bytes]:
    index, _, value = text.partition("=")
    try:
        found = int(index), bytes.fromhex(value)
    except ValueError:
        found = -1, b""
    if found[0] not in range(24) or len(found[1]) != 32:
        raise click.BadParameter(f"{text!r} is not a PCR and its SHA-256 value, as 4=1f2e...")
    return found
