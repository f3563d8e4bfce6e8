"""`eaves diff`: what `eaves apply` would change, field by field."""

from pathlib import Path

import click

from eaves.cli.apply import FILES, Compared, Ids, compare, refuse_unknown_references
from eaves.cli.client import Client
from eaves.cli.documents import Document, documents_in
from eaves.cli.field_changes import FieldChange, field_changes
from eaves.cli.json_values import Json
from eaves.cli.output import show_value
from eaves.cli.session import load_session

DIFFERENT = 1  # the exit code, as of diff(1)


class NotFoundOut(click.ClickException):
    """Whether something differs."""

    exit_code = 2


@click.command()
@click.option(
    "-f",
    "--file",
    "files",
    required=True,
    multiple=True,
    type=FILES,
    help="A YAML file, a folder of them, or - for standard input; may be repeated.",
)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    show_default=True,
    help="What to print.",
)
def diff(files: tuple[Path, ...], form: str) -> None:
    """Show what `eaves apply` of these files would change, field by field; changes nothing.

    Only fields that a file names are compared; secrets are hidden, and those that the controller
    does not tell are not compared.  Exit code 0: nothing differs, 1: something does, 2: it could
    not be found out.
    """
    try:
        documents = documents_in(files)
        for warning in (w for d in documents for w in d.warnings):
            click.echo(f"warning: {warning}", err=True)
        with Client(load_session()) as client:
            refuse_unknown_references(client, documents)
            ids = Ids(client)
            found = [(document, _compared(client, document, ids)) for document in documents]
    except click.ClickException as error:
        raise NotFoundOut(error.message) from error
    rows = [_row(document, compared) for document, compared in found]
    if form != "text":
        show_value(rows, form)
    else:
        for document, compared in found:
            _show(document, compared)
    if not all(compared.same for _, compared in found):
        raise click.exceptions.Exit(DIFFERENT)


def _compared(client: Client, document: Document, ids: Ids) -> Compared:
    try:
        return compare(client, document, ids)
    except click.ClickException as error:
        raise click.ClickException(
            f"{document.where}: {document.title}: {error.message}"
        ) from error


def _changes(compared: Compared) -> list[FieldChange]:
    return field_changes(compared.before, compared.after)


def _row(document: Document, compared: Compared) -> Json:
    return {
        "kind": document.kind.name,
        "name": document.name,
        "change": _verb(compared),
        "fields": [
            {"field": one.path, "now": one.now, "wanted": one.wanted} for one in _changes(compared)
        ],
        "secretsNotCompared": compared.has_unreadable,
    }


def _verb(compared: Compared) -> str:
    if compared.current is None:
        return "create"
    return "none" if compared.same else "change"


def _show(document: Document, compared: Compared) -> None:
    changes = [] if compared.same else _changes(compared)
    match _verb(compared):
        case "create":
            click.echo(f"{document.title}: would be created")
        case "change":
            count = f"{len(changes)} field{'s' if len(changes) > 1 else ''}"
            click.echo(f"{document.title}: {count} would change")
        case _:
            if compared.has_unreadable:
                click.echo(f"note: {document.title} has a secret that cannot be compared", err=True)
    for one in changes:
        click.echo(f"  {one.text}")
