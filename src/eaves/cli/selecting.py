"""`-l KEY=VALUE` and `--project`: which objects of a kind are meant."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from eaves.cli.client import Client, Query
from eaves.cli.completion import complete_of
from eaves.cli.json_values import Json
from eaves.cli.kinds import Kind, find_kind

F = TypeVar("F", bound=Callable[..., Any])


def selector_options(command: F) -> F:
    """`-l` as `selectors` and `--project` as `project`."""
    options = (
        click.option(
            "-l",
            "--selector",
            "selectors",
            multiple=True,
            metavar="KEY=VALUE",
            help="Only with this tag; more of them, or KEY=VALUE,KEY=VALUE, must all be there.",
        ),
        click.option(
            "--project",
            help="Only what belongs to the project of this name.",
            shell_complete=complete_of("project"),
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def pairs_of(selectors: Sequence[str]) -> list[tuple[str, str]]:
    """Raises UsageError for what is no KEY=VALUE."""
    found: list[tuple[str, str]] = []
    for text in selectors:
        for part in text.split(","):
            key, equals, value = part.partition("=")
            if not equals or not key.strip() or key.strip().endswith("!"):
                raise click.UsageError(f"-l {text!r} is no selector; write KEY=VALUE")
            found.append((key.strip(), value.strip().removeprefix("=")))
    return found


def narrowing(client: Client, kind: Kind, project: str | None) -> dict[str, str]:
    """The query for what is in a project, which is looked up first: a wrong name must not look
    like an empty project.
    """
    if not project:
        return {}
    if "project" not in kind.references:
        raise click.UsageError(f"{kind.a} belongs to no project; leave out --project")
    return {"projectId": str(client.get(find_kind("project"), project)["id"])}


def selected(
    client: Client, kind: Kind, selectors: Sequence[str], project: str | None
) -> list[Json]:
    """The objects that have all of the tags and are in the project, as their list shows them."""
    pairs = pairs_of(selectors)
    if pairs and not kind.tags:
        raise click.UsageError(f"{kind.a} has no tags; leave out -l")
    query = narrowing(client, kind, project)
    if not pairs:
        return list(client.list(kind, query=query))
    found = list(client.list(kind, query=_with_tag(query, kind, pairs[0])))
    for pair in pairs[1:]:  # a list means any of the tags that it is asked for
        also = {row.get("id") for row in client.list(kind, query=_with_tag(query, kind, pair))}
        found = [row for row in found if row.get("id") in also]
    return found


def _with_tag(query: Query, kind: Kind, pair: tuple[str, str]) -> Query:
    return {**query, kind.tags: f"{pair[0]}:{pair[1]}"}
