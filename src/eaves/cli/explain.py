"""Which nodes a selector means, which it does not, and why."""

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, list_of, object_of, objects_of
from eaves.cli.output import FORM, one_line, show_table, show_value
from eaves.cli.session import load_session

SELECTING = ("project", "deployment", "assetgroup", "profiledeployment")


@click.command()
@click.argument("kind", required=False, type=click.Choice(SELECTING))
@click.argument("name", required=False)
@click.option("--policy", help="One policy of the deployment, by its name.")
@click.option("-l", "--selector", "tags", multiple=True, help="KEY=VALUE[,KEY=VALUE...] of tags.")
@click.option("--project", help="Nodes of this project.")
@click.option("--deployment-tag", help="Nodes with this deployment tag.")
@click.option("--matching", "only", flag_value="matching", help="Only nodes that match.")
@click.option("--missing", "only", flag_value="missing", help="Only nodes that do not.")
@FORM
def explain(
    kind: str | None,
    name: str | None,
    policy: str | None,
    tags: tuple[str, ...],
    project: str | None,
    deployment_tag: str | None,
    only: str | None,
    form: str,
) -> None:
    """Show which nodes match, which do not, and by which term.

    Either KIND and NAME of what selects, or a selector of your own with -l, --project and
    --deployment-tag.
    """
    if (kind is None) != (name is None):
        raise click.UsageError("give both the kind and the name of what selects")
    pairs = [pair for text in tags for pair in text.split(",") if pair]
    query: dict[str, str | list[str]] = {
        key: value
        for key, value in {
            "kind": kind,
            "name": name,
            "policy": policy,
            "project": project,
            "deploymentTag": deployment_tag,
            "only": only,
        }.items()
        if value is not None
    }
    if pairs:
        query["tag"] = pairs
    with Client(load_session()) as client:
        told = _every_page(client, query)
    if form != "table":
        show_value(told, form)
    else:
        _show(told)
    if told.get("warning"):
        click.echo(f"warning: {told['warning']}", err=True)


def _every_page(client: Client, query: dict[str, str | list[str]]) -> Json:
    told = object_of(client.call("GET", "/v1/eaves/explain", query=query))
    rows = list_of(told.get("list"))
    after = told.pop("next", None)
    while after:
        more = object_of(
            client.call("GET", "/v1/eaves/explain", query={**query, "after": str(after)})
        )
        rows += list_of(more.get("list"))
        after = more.get("next")
    return {**told, "list": rows}


def _show(told: Json) -> None:
    click.echo(f"{told.get('matching', 0)} of {told.get('nodes', 0)} nodes match")
    for term in objects_of(told.get("selector")):
        alone = f", {term['failsAlone']} by it alone" if term.get("failsAlone") else ""
        click.echo(f"  {one_line(term.get('term'))}: {term.get('fails', 0)} do not{alone}")
    rows = [
        (row.get("name"), "yes" if row.get("matches") else "no", "; ".join(row.get("reasons", [])))
        for row in objects_of(told.get("list"))
    ]
    show_table(("NODE", "MATCHES", "WHY NOT"), rows, "there is no node to show")
