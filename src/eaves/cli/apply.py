"""`eaves apply` and `eaves delete`: objects as YAML files say."""

from collections.abc import Sequence
from pathlib import Path

import click

from eaves.cli.client import Client, nearest
from eaves.cli.documents import (
    Change,
    Document,
    diff,
    documents_in,
    merged,
    overlap,
    without_unreadable,
)
from eaves.cli.json_values import Json
from eaves.cli.kinds import Kind, find_kind
from eaves.cli.session import load_session

FILES = click.Path(path_type=Path, exists=True, allow_dash=True)
DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


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
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.option(
    "--send-secrets",
    is_flag=True,
    help="Send also the secrets that cannot be read back, and so not compared.",
)
def apply(files: tuple[Path, ...], *, dry_run: bool, send_secrets: bool) -> None:
    """Make objects as YAML files say; the same files again change nothing.

    Each document has `kind`, `name` and fields of the REST contract.  What refers to another
    object may name it (`project: NAME`); the order of files and documents does not matter.
    """
    documents = documents_in(files)
    for warning in (w for d in documents for w in d.warnings):
        click.echo(f"warning: {warning}", err=True)
    with Client(load_session()) as client:
        refuse_unknown_references(client, documents)
        for document in documents:
            change = apply_document(client, document, dry_run=dry_run, send_secrets=send_secrets)
            would = "would be " if dry_run and change.verb != "unchanged" else ""
            click.echo(f"{document.title} {would}{change.verb}")
            if dry_run and change.diff:
                _show_diff(change.diff)


def _show_diff(text: str) -> None:
    for line in text.splitlines():
        colour = DIFF_COLOURS.get(line[:1])
        click.echo(click.style(f"  {line}", fg=colour) if colour else f"  {line}")


def refuse_unknown_references(client: Client, documents: Sequence[Document]) -> None:
    """Before the first write: every name must be that of an object or of a document."""
    there: dict[str, set[str]] = {}
    for document in documents:
        there.setdefault(document.kind.name, set()).add(document.name)
    faults: list[str] = []
    asked: dict[tuple[str, str], bool] = {}
    for document in documents:
        for key, _, kind, name in document.references():
            if name in there.get(kind.name, set()):
                continue
            target = (kind.name, name)
            if target not in asked:
                asked[target] = client.find(kind, name) is not None
            if not asked[target]:
                names = {str(row.get("name", "")) for row in client.list(kind)}
                hint = nearest(name, names | there.get(kind.name, set()), kind.name)
                faults.append(
                    f"{document.where}: {document.title}: {key}: there is no {kind.name} {name!r};"
                    f" {hint}"
                )
    if faults:
        raise click.ClickException("\n       ".join(faults) + "\n       nothing was changed")


def apply_document(
    client: Client, document: Document, *, dry_run: bool, send_secrets: bool = False
) -> Change:
    kind = document.kind
    wanted = _resolved(client, document)
    current = client.find(kind, document.name)
    try:
        if current is None:
            body = {"title": document.name, **kind.defaults, **wanted, "name": document.name}
            if not dry_run:
                client.call("POST", kind.path, body)
                _after_write(client, document)
            return Change(document, "created", diff({}, body, document.title))
        comparable = wanted if send_secrets else without_unreadable(wanted, current)
        seen = overlap(comparable, current)
        if seen == comparable:
            if comparable != wanted:
                click.echo(
                    f"note: {document.title} has a secret that cannot be read back; --send-secrets"
                    " sends it again",
                    err=True,
                )
            return Change(document, "unchanged")
        if not dry_run:
            client.call("PUT", f"{kind.path}/id/{current['id']}", merged(current, wanted))
            _after_write(client, document)
        return Change(document, "changed", diff(seen, comparable, document.title))
    except click.ClickException as error:
        raise click.ClickException(
            f"{document.where}: {document.title}: {error.message}"
        ) from error


def _after_write(client: Client, document: Document) -> None:
    """A step that the contract keeps apart: an image becomes ready by its uplink."""
    if document.kind.name != "image":
        return
    image = client.get(document.kind, document.name)
    if image.get("imageStatus") == "IMAGE_STATUS_READY":
        return
    if _is_to_be_uploaded(client, image):
        click.echo(
            f"note: {document.title} is ready once its bytes are uploaded; "
            "docs/how-to/upload-an-image.md says how",
            err=True,
        )
    else:
        client.call("PUT", f"{document.kind.path}/id/{image['id']}/uplink", image)


def _is_to_be_uploaded(client: Client, image: Json) -> bool:
    """Does the controller itself keep what this image is made of?"""
    datastore = client.call("GET", f"/v1/datastores/id/{image.get('datastoreId')}")
    return datastore.get("dsType") == "DATASTORE_TYPE_FILE_STORAGE"


def _resolved(client: Client, document: Document) -> Json:
    """The document's fields with names replaced by ids."""
    references = {key: (id_key, kind, name) for key, id_key, kind, name in document.references()}
    wanted: Json = {}
    for key, value in document.fields.items():
        if key not in references:
            wanted[key] = value
            continue
        id_key, kind, name = references[key]
        target = client.find(kind, name)
        # a dry run has not made what an earlier document makes
        wanted[id_key] = target["id"] if target else f"(id of {kind.name} {name})"
    return wanted


@click.command()
@click.argument("kind", required=False)
@click.argument("names", nargs=-1)
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=FILES,
    help="Delete what a YAML file or a folder of them describes.",
)
def delete(kind: str | None, names: tuple[str, ...], files: tuple[Path, ...]) -> None:
    """Delete objects by name or by file.

    With -f everything goes that the files describe, users of objects first; what is not there
    is skipped.  By name all of the objects must be there, or none goes.
    """
    if bool(files) == bool(kind):
        raise click.UsageError("name a kind and at least one object, or files with -f")
    with Client(load_session()) as client:
        if files:
            for document in reversed(documents_in(files)):
                _delete_if_there(client, document.kind, document.name)
            return
        try:
            which = find_kind(str(kind))
        except click.ClickException as error:
            raise click.UsageError(error.message) from error
        if not names:
            raise click.UsageError(f"which {which.name}? give at least one name")
        found = [client.get(which, name) for name in names]  # all of them are there, or none goes
        for row in found:
            client.call("DELETE", f"{which.path}/id/{row['id']}")
            click.echo(f"{which.name}/{row.get('name')} deleted")


def _delete_if_there(client: Client, kind: Kind, name: str) -> None:
    found = client.find(kind, name)
    if found is None:
        click.echo(f"{kind.name}/{name} is not there")
        return
    client.call("DELETE", f"{kind.path}/id/{found['id']}")
    click.echo(f"{kind.name}/{name} deleted")
