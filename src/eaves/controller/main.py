"""`eaves controller`: run it, back it up and restore it, reset its admin, print its OpenAPI."""

import asyncio
import os
import sys
from pathlib import Path

import click

from eaves.controller.settings import Options, Settings, read_settings
from eaves.errors import EavesError


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--state-dir", help="Folder for database, keys and certificates.")
@click.option("--device-listen", metavar="HOST:PORT", help="Where devices connect (8443).")
@click.option("--rest-listen", metavar="HOST:PORT", help="Where users connect (9443).")
@click.option(
    "--database-url",
    "--database",
    "database_url",
    metavar="URL",
    help="postgresql://USER@HOST/NAME, for any number of controllers; SQLite without it.",
)
@click.option("--secret-key-file", metavar="FILE", help="The same for all controllers; secret.key.")
@click.option("--device-server", metavar="HOST:PORT", help="What devices are told to connect to.")
@click.option("--admin-password-file", metavar="FILE", help="First password of the user admin.")
@click.option("--tls-certificate", metavar="FILE", help="Own server certificate with its chain.")
@click.option("--tls-key", metavar="FILE", help="Its private key.")
@click.option("--tls-root", metavar="FILE", help="Its root, for the onboarding folders.")
@click.option("--signing-certificates", metavar="FILE", help="Own signing certificate and chain.")
@click.option("--signing-key", metavar="FILE", help="Its private key.")
@click.option("--signing-root", metavar="FILE", help="Its root.")
@click.option("--metrics-listen", metavar="HOST:PORT", help="Plain /metrics, /healthz, /readyz.")
@click.option("--metrics-token-file", metavar="FILE", help="Token that opens /metrics to others.")
@click.pass_context
def command(context: click.Context, /, **options: str | None) -> None:
    """Run the controller of a fleet; every option also stands in EAVES_<OPTION>."""
    try:
        settings = read_settings(Options(**options), os.environ)
        context.obj = settings
        if context.invoked_subcommand is None:
            from eaves.controller.process import (  # noqa: PLC0415 - help needs none of it
                configure_logging,
                run_controller,
            )

            configure_logging()
            run_controller(settings, _say)
    except EavesError as error:
        raise click.ClickException(str(error)) from error


@command.command("reset-admin")
@click.pass_obj
def reset_admin(settings: Settings) -> None:
    """Give the user admin a new password and print it once."""
    from eaves.controller.first_start import reset_admin_password  # noqa: PLC0415 - as above
    from eaves.controller.process import clock, configure_logging  # noqa: PLC0415 - as above

    configure_logging()
    try:
        _say(asyncio.run(reset_admin_password(settings, clock=clock, random=os.urandom)))
    except EavesError as error:
        raise click.ClickException(str(error)) from error


@command.command()
@click.pass_obj
def rewrap(settings: Settings) -> None:
    """Move the key of secrets at rest to the provider that EAVES_KEY_PROVIDER names.

    Before a controller starts with another provider, or with another master key of the same one.
    The settings of both are needed: what the key is wrapped by now stands in its file.
    """
    from eaves.controller.keys.secret_key import rewrap as move  # noqa: PLC0415 - as above

    try:
        before, after = move(settings)
    except EavesError as error:
        raise click.ClickException(str(error)) from error
    _say(f"{settings.secret_key_path}: was wrapped by {before}")
    _say(f"{settings.secret_key_path}: is wrapped by {after}")


@command.command()
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The file to write; replaced."
)
@click.option(
    "--passphrase-file",
    required=True,
    type=click.Path(path_type=Path),
    help="What the file is encrypted under; keep it elsewhere.",
)
@click.option("--without-telemetry", is_flag=True, help="Leave out info, metrics, logs, flows.")
@click.pass_obj
def backup(
    settings: Settings, out: Path, passphrase_file: Path, *, without_telemetry: bool
) -> None:
    """Write all of a controller into one encrypted file, while it runs."""
    from eaves.controller.backup.crypt import read_passphrase  # noqa: PLC0415 - as above
    from eaves.controller.backup.make import back_up  # noqa: PLC0415 - as above
    from eaves.controller.process import clock  # noqa: PLC0415 - as above

    try:
        made = back_up(
            settings,
            out,
            read_passphrase(passphrase_file),
            telemetry=not without_telemetry,
            clock=clock,
            random=os.urandom,
        )
    except EavesError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(_of_file(error, out)) from error
    manifest = made.manifest
    _say(
        f"{made.path}: {made.size} bytes, {len(manifest.members)} members, "
        f"release {manifest.release}, schema {manifest.schema}"
    )
    if made.needs:
        _say(made.needs)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--passphrase-file",
    required=True,
    type=click.Path(path_type=Path),
    help="What the file was encrypted under.",
)
@click.option("--force", is_flag=True, help="Replace what is there; files are moved aside.")
@click.pass_obj
def restore(settings: Settings, file: Path, passphrase_file: Path, *, force: bool) -> None:
    """Bring a controller back from FILE, before it is started."""
    from eaves.controller.backup.crypt import read_passphrase  # noqa: PLC0415 - as above
    from eaves.controller.backup.restore import restore as put_back  # noqa: PLC0415 - as above
    from eaves.controller.process import clock, configure_logging  # noqa: PLC0415 - as above

    configure_logging()
    try:
        done = put_back(settings, file, read_passphrase(passphrase_file), force=force, clock=clock)
    except EavesError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(_of_file(error, settings.state_dir)) from error
    _say(
        f"restored to {settings.state_dir}: the backup of {done.manifest.made_at}; every device "
        "gets its configuration anew when this controller starts"
    )
    if done.needs:
        _say(done.needs)
    if done.replaced is not None:
        _say(f"what was there is in {done.replaced}; delete it when it is not needed")


@command.command()
@click.pass_obj
def restored(settings: Settings) -> None:
    """Say that the state is that of a backup, before the controller starts with it."""
    from eaves.controller.first_start import restored as say_restored  # noqa: PLC0415 - as above
    from eaves.controller.process import clock  # noqa: PLC0415 - as above

    try:
        _say(asyncio.run(say_restored(settings, clock=clock)))
    except EavesError as error:
        raise click.ClickException(str(error)) from error


@command.command("rotate-certificates")
@click.option("--signing", is_flag=True, help="What every answer to a device is signed with.")
@click.option("--encryption", is_flag=True, help="What secrets for devices are encrypted with.")
@click.pass_obj
def rotate_certificates(settings: Settings, *, signing: bool, encryption: bool) -> None:
    """Exchange certificates that devices trust, while controllers serve.

    Devices fetch the new ones by themselves; none attests or registers again.  Encryption
    certificates that were replaced stay listed for two years.
    """
    from eaves.controller.first_start import ask_to_rotate  # noqa: PLC0415 - as above

    if not (signing or encryption):
        raise click.UsageError("say what: --signing, --encryption or both")
    parts = [name for name, asked in (("signing", signing), ("encryption", encryption)) if asked]
    try:
        _say(asyncio.run(ask_to_rotate(settings, parts, random=os.urandom)))
    except EavesError as error:
        raise click.ClickException(str(error)) from error


@command.command()
@click.option("--out", type=click.Path(path_type=Path), help="A file; stdout without it.")
def openapi(out: Path | None) -> None:
    """Print the OpenAPI document of the REST side."""
    from eaves.controller.northbound.openapi import text  # noqa: PLC0415 - as above

    document = text()
    if out is None:
        _say(document)
        return
    try:
        out.write_text(document + "\n", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(
            f"{out} cannot be written: {error.strerror}; name a file in a folder that is there"
        ) from error


def _of_file(error: OSError, path: Path) -> str:
    what = error.strerror or str(error)
    return (
        f"{error.filename or path}: {what}; check that its folder is there, has room, and may be "
        "written by this user"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
