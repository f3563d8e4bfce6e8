"""`eaves apply` and `eaves delete`: objects as YAML files say."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from eaves.cli.client import Client, nearest
from eaves.cli.completion import complete_names
from eaves.cli.documents import (
    Change,
    Document,
    diff,
    documents_in,
    merged,
    overlap,
    without_unreadable,
)
from eaves.cli.json_values import Json, object_of
from eaves.cli.kinds import Kind, KindType, OfObjects, find_kind
from eaves.cli.references import with_ids
from eaves.cli.session import load_session

FILES = click.Path(path_type=Path, exists=True, allow_dash=True)
UNMADE = "(id of "  # of what a dry run would have made
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
        ids = Ids(client)
        for document in documents:
            change = apply_document(
                client, document, ids, dry_run=dry_run, send_secrets=send_secrets
            )
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
        for key, kind, name in document.references():
            if name in there.get(kind.name, set()):
                continue
            target = (kind.name, name)
            if target not in asked:
                asked[target] = client.find(kind, name) is not None
            if not asked[target]:
                names = {str(row.get(kind.key, "")) for row in client.list(kind)}
                hint = nearest(name, names | there.get(kind.name, set()), kind.name)
                faults.append(
                    f"{document.where}: {document.title}: {key}: there is no {kind.name} {name!r};"
                    f" {hint}"
                )
    if faults:
        raise click.ClickException("\n       ".join(faults) + "\n       nothing was changed")


@dataclass(frozen=True, slots=True)
class Compared:
    """A document beside what the controller has; both without what the document leaves alone."""

    wanted: Json  # with ids
    current: Json | None
    before: Json
    after: Json

    @property
    def same(self) -> bool:
        return self.current is not None and self.before == self.after

    @property
    def has_unreadable(self) -> bool:
        """Whether a secret was left out of the comparison."""
        return self.current is not None and self.after != self.wanted


def compare(
    client: Client, document: Document, ids: "Ids", *, send_secrets: bool = False
) -> Compared:
    kind = document.kind
    wanted = ids.put_in(document)
    lies_below = "{" in kind.path
    if lies_below and not wanted.get("projectId"):
        raise click.ClickException(f"{kind.a} lies in a project; say which: `project: NAME`")
    # a dry run has not made the project that an earlier document makes
    unmade = lies_below and str(wanted["projectId"]).startswith(UNMADE)
    current = None if unmade else client.find(kind, document.name, wanted)
    if current is None:
        titled = {kind.titled: document.name} if kind.titled else {}
        body = {**titled, **kind.defaults, **wanted, kind.key: document.name}
        return Compared(wanted, None, {}, body)
    there = object_of(current.get(kind.asked)) if kind.asked else current
    after = wanted if send_secrets else without_unreadable(wanted, there)
    return Compared(wanted, current, overlap(after, there), after)


def apply_document(
    client: Client,
    document: Document,
    ids: "Ids",
    *,
    dry_run: bool = False,
    send_secrets: bool = False,
) -> Change:
    kind = document.kind
    try:
        compared = compare(client, document, ids, send_secrets=send_secrets)
        current = compared.current
        if current is not None and compared.same:
            if compared.has_unreadable:
                click.echo(
                    f"note: {document.title} has a secret that cannot be read back; --send-secrets"
                    " sends it again",
                    err=True,
                )
            return Change(document, "unchanged")
        if current is not None:
            _refuse_unchanging(kind)
        if current is None and not dry_run:
            client.call("POST", kind.path_of(compared.after), compared.after)
        elif current is not None and not dry_run:
            client.call("PUT", kind.id_path(current), merged(current, compared.wanted))
        if not dry_run:
            _after_write(client, document)
    except click.ClickException as error:
        raise click.ClickException(
            f"{document.where}: {document.title}: {error.message}"
        ) from error
    verb = "created" if current is None else "changed"
    return Change(document, verb, diff(compared.before, compared.after, document.title))


def _refuse_unchanging(kind: Kind) -> None:
    if not kind.changes:
        raise click.ClickException(
            f"it is there already, asked for otherwise, and {kind.a} does not change;"
            " choose another name"
        )


def _after_write(client: Client, document: Document) -> None:
    """A step that the contract keeps apart: an image becomes ready by its uplink."""
    if document.kind.name != "image":
        return
    image = client.get(document.kind, document.name)
    if image.get("imageStatus") == "IMAGE_STATUS_READY":
        return
    if _is_to_be_uploaded(client, image):
        click.echo(
            f"note: {document.title} is ready once its bytes are there: "
            f"eaves image upload {document.name} FILE",
            err=True,
        )
    else:
        client.call("PUT", f"{document.kind.path}/id/{image['id']}/uplink", image)


def _is_to_be_uploaded(client: Client, image: Json) -> bool:
    """Does the controller itself keep what this image is made of?"""
    datastore = client.call("GET", f"/v1/datastores/id/{image.get('datastoreId')}")
    return datastore.get("dsType") == "DATASTORE_TYPE_FILE_STORAGE"


class Ids:
    """Ids by name, each asked for once: what has one keeps it while files are applied."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, str], str] = {}

    def of(self, kind_name: str, name: str) -> str:
        """A dry run has not made what an earlier document makes: then it says so."""
        known = self._known.get((kind_name, name))
        if known is None:
            target = self._client.find(find_kind(kind_name), name)
            if target is None:
                return f"{UNMADE}{kind_name} {name})"
            known = self._known[kind_name, name] = str(target["id"])
        return known

    def put_in(self, document: Document) -> Json:
        """The document's fields with names replaced by ids."""
        return with_ids(document.fields, document.kind.references, self.of)


@click.command(cls=OfObjects)
@click.argument("kind", required=False, type=KindType())
@click.argument("names", nargs=-1, shell_complete=complete_names)
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=FILES,
    help="Delete what a YAML file or a folder of them describes.",
)
@click.option("--project", help="In which they lie, where that is not clear from the name.")
def delete(
    kind: Kind | None, names: tuple[str, ...], files: tuple[Path, ...], project: str | None
) -> None:
    """Delete objects by name or by file.

    With -f everything goes that the files describe, users of objects first; what is not there
    is skipped.  By name all of the objects must be there, or none goes.
    """
    if bool(files) == bool(kind):
        raise click.UsageError("name a kind and at least one object, or files with -f")
    with Client(load_session()) as client:
        if files or kind is None:
            for document in reversed(documents_in(files)):
                _delete_if_there(client, document)
            return
        if not names:
            raise click.UsageError(f"which {kind.name}? give at least one name")
        _refuse_undeletable(kind)
        within = {"projectId": client.get(find_kind("project"), project)["id"]} if project else {}
        found = [client.get(kind, name, within) for name in names]  # all of them, or none goes
        for row in found:
            client.call("DELETE", kind.delete_path(row))
            click.echo(f"{kind.title_of(row)} deleted")


def _refuse_undeletable(kind: Kind) -> None:
    if not kind.goes:
        raise click.ClickException(f"{kind.a} cannot be deleted; the controller ends it itself")


def _delete_if_there(client: Client, document: Document) -> None:
    kind = document.kind
    _refuse_undeletable(kind)
    wanted = Ids(client).put_in(document) if "{" in kind.path else {}
    gone = str(wanted.get("projectId", "")).startswith(UNMADE)
    found = None if gone else client.find(kind, document.name, wanted)
    if found is None:
        click.echo(f"{document.title} is not there")
        return
    client.call("DELETE", kind.delete_path(found))
    click.echo(f"{document.title} deleted")
