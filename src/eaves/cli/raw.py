"""`eaves api`: any operation of the REST API, as it is."""

from pathlib import Path

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, is_object, list_of
from eaves.cli.output import show_value
from eaves.cli.session import load_session

METHODS = ("GET", "POST", "PUT", "DELETE")


@click.command()
@click.argument("method", type=click.Choice(METHODS, case_sensitive=False))
@click.argument("path")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="The body, as JSON or YAML.",
)
@click.option(
    "-q", "--query", "queries", multiple=True, metavar="KEY=VALUE", help="A parameter of the query."
)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["json", "yaml"]),
    default="json",
    show_default=True,
    help="What to print.",
)
def api(method: str, path: str, file: Path | None, queries: tuple[str, ...], form: str) -> None:
    """Call an operation of the REST API and print its answer, for what has no command here.

    PATH begins with /v1 or /v2, for example: eaves api GET /v1/devices/status/locations.
    """
    path = "/" + path.removeprefix("/api").lstrip("/")
    if not path.startswith(("/v1/", "/v2/", "/beta/")):
        raise click.UsageError(f"{path!r} is no path of the API; it begins with /v1/ or /v2/")
    query: dict[str, str | list[str]] = {}
    for text in queries:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise click.UsageError(f"--query {text!r}: write KEY=VALUE")
        query[key] = [*list_of(query.get(key)), value]
    body = _body(file) if file is not None else None
    with Client(load_session()) as client:
        show_value(client.call(method.upper(), path, body, query), form)


def _body(file: Path) -> Json:
    import yaml  # noqa: PLC0415 - only where there is a body

    try:
        with click.open_file(str(file), encoding="utf-8") as opened:
            body: object = yaml.safe_load(opened)
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file} is neither JSON nor YAML: {error}") from error
    if not is_object(body):
        raise click.ClickException(f"{file} holds no object; the body of an operation is one")
    return body
