"""`eaves model`: models drafted from a node, from and to files, from the global catalogue."""

from pathlib import Path
from urllib.parse import quote

import click

from eaves.cli.apply import Ids, apply_document, refuse_unknown_references
from eaves.cli.client import ApiError, Client
from eaves.cli.completion import complete_of
from eaves.cli.json_values import Json, list_of, object_of
from eaves.cli.kinds import find_kind
from eaves.cli.session import load_session

OUT = click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; standard output without.",
)
MADE_BY_SERVER = ("id", "revision", "brandId", "brandName", "parentDetail", "isImported")
KEPT_OF_BRAND = ("title", "description", "systemMfgName", "attr", "logo", "svg")


@click.group()
def model() -> None:
    """Draft models from nodes, move them between files and controllers."""


@model.command()
@click.option("--from-node", "node", required=True, help="Device whose hardware it describes.")
@click.option("--name", default="", help="Name of the model, if not of maker and product.")
@click.option("--create", is_flag=True, help="Make brand and model at once.")
@OUT
def draft(node: str, name: str, out: Path | None, *, create: bool) -> None:
    """Draft a model from what a node reported of its hardware.

    The node may run with any model until then. Read the notes in the draft before using it: what
    is printed on the case is not known to any machine.
    """
    from eaves.cli.output import one_line  # noqa: PLC0415 - only here

    with Client(load_session()) as client:
        found = client.get(find_kind("device"), node)
        path = f"/v1/eaves/devices/id/{found['id']}/model-draft"
        drafted = client.call("GET", path, query={"name": name} if name else None)
        notes = [one_line(note) for note in list_of(drafted.get("notes"))]
        documents = exported(object_of(drafted.get("model")), object_of(drafted.get("brand")))
        text = _text(documents, notes)
        if create:
            for note in notes:
                click.echo(f"note: {note}", err=True)
            _apply(client, text, f"draft of {node}")
            return
    _write(text, out)


@model.command()
@click.argument("names", nargs=-1, required=True)
@OUT
def export(names: tuple[str, ...], out: Path | None) -> None:
    """Write models with their brands as YAML that `eaves model import` and `eaves apply` read."""
    documents: list[Json] = []
    with Client(load_session()) as client:
        for name in names:
            found = client.get(find_kind("model"), name)
            brand = client.call("GET", f"/v1/brands/id/{found['brandId']}")
            documents += [one for one in exported(found, brand) if one not in documents]
    _write(_text(documents, []), out)


@model.command("import")
@click.argument("sources", nargs=-1, required=True)
def import_(sources: tuple[str, ...]) -> None:
    """Make models from YAML files, or by name from the global catalogue.

    A model of the catalogue that was imported before takes its newer version.
    """
    with Client(load_session()) as client:
        for source in sources:
            if Path(source).is_file():
                _apply(client, Path(source).read_text(encoding="utf-8"), source)
                continue
            try:
                of = client.call("GET", f"/v1/sysmodels/global/name/{quote(source, safe='')}")
            except ApiError as error:
                if error.status != 404:
                    raise
                raise click.ClickException(
                    f"{source!r} is neither a file nor a model of the global catalogue; "
                    "`eaves model catalogue` lists those"
                ) from error
            client.call("PUT", f"/v1/sysmodels/id/{of['id']}/import")
            click.echo(f"model/{source} imported")


@model.command()
@click.argument("name", shell_complete=complete_of("model"))
@click.option(
    "-f",
    "--file",
    "file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML with `templates`, each with name, eveVersion, firmwareVersion and PCRValues.",
)
def template(name: str, file: Path) -> None:
    """Add what devices of a model measure at a right start, taken from a golden device.

    `eaves device attestation` shows what a device measured.
    """
    import yaml  # noqa: PLC0415 - only here

    try:
        body = object_of(yaml.safe_load(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file} is no YAML: {error}") from error
    with Client(load_session()) as client:
        found = client.get(find_kind("model"), name)
        client.call("POST", f"/v1/sysmodels/id/{found['id']}/pcrtemplates", body)
    click.echo(f"model/{name}: {len(list_of(body.get('templates')))} templates added")


@model.command()
@click.argument("pattern", default="")
def catalogue(pattern: str) -> None:
    """List the models that ship with the controller, all or those whose name has PATTERN in it."""
    from eaves.cli.output import show_table  # noqa: PLC0415 - only here

    query = {"namePattern": pattern} if pattern else None
    with Client(load_session()) as client:
        rows = list(client.list(find_kind("model"), "/v1/sysmodels/global", query))
    show_table(
        ("NAME", "ARCH", "TITLE"),
        [(row.get("name", ""), row.get("type", ""), row.get("title", "")) for row in rows],
        "no model of that name",
    )


def exported(model: Json, brand: Json) -> list[Json]:
    """The documents of a brand and a model, without what a controller sets itself."""
    own: Json = {
        "kind": "brand",
        "name": brand["name"],
        **{key: brand[key] for key in KEPT_OF_BRAND if brand.get(key)},
    }
    rest = {key: value for key, value in model.items() if key not in MADE_BY_SERVER}
    rest["PCRTemplates"] = [
        {key: value for key, value in object_of(one).items() if key != "id"}
        for one in list_of(model.get("PCRTemplates"))
    ]
    rest["originType"] = "ORIGIN_LOCAL"
    rest["ioMemberList"] = [
        {key: value for key, value in object_of(one).items() if value}
        for one in list_of(model.get("ioMemberList"))
    ]
    filled = {key: value for key, value in rest.items() if value and key != "name"}
    return [own, {"kind": "model", "name": model["name"], "brand": brand["name"], **filled}]


def _text(documents: list[Json], notes: list[str]) -> str:
    from eaves.cli.output import yaml_text  # noqa: PLC0415 - only here

    head = "".join(f"# note: {note}\n" for note in notes)
    return head + "---\n".join(yaml_text(one) for one in documents)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    click.echo(f"{out} written; `eaves apply -f {out}` makes what it says", err=True)


def _apply(client: Client, text: str, source: str) -> None:
    from eaves.cli.documents import in_order, parse_documents  # noqa: PLC0415 - only here

    documents = in_order(parse_documents(text, source))
    refuse_unknown_references(client, documents)
    ids = Ids(client)
    for document in documents:
        click.echo(f"{document.title} {apply_document(client, document, ids).verb}")
