"""`eaves image sign`, `signatures`, `policy`: what was signed by whom, and who asks for it."""

import base64
import binascii
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from eaves.cli.client import Client
from eaves.cli.completion import complete_of
from eaves.cli.json_values import Json, is_list, is_object, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.marketplace.registry import Account, Registry
from eaves.cli.output import FORM, show_table, show_value
from eaves.cli.session import load_session

IMAGE = click.argument("name", shell_complete=complete_of("image"))
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
OURS: Final = "/v1/eaves"
OF_ALL: Final = f"{OURS}/image-policy"


@click.command()
@IMAGE
@click.argument("file", type=FILE, required=False)
@click.option("--payload", type=FILE, help="What a cosign signature in FILE is over.")
@click.option("--registry", "from_registry", is_flag=True, help="Take them from its registry.")
@click.option("--registry-user", default="", help="Name at the registry.")
@click.option("--registry-password-file", type=FILE, help="Where its password is.")
@click.option("--clear", is_flag=True, help="Forget all signatures of the image.")
def sign(
    name: str,
    file: Path | None,
    payload: Path | None,
    registry_user: str,
    registry_password_file: Path | None,
    *,
    from_registry: bool,
    clear: bool,
) -> None:
    """Tell the controller a signature of an image; it is added to those that are known.

    FILE is what `cosign download signature` or `cosign sign-blob` prints, or the bytes that
    `openssl dgst -sha256 -sign KEY` makes.  The controller never has the key that signs.
    """
    if sum((file is not None, from_registry, clear)) != 1:
        raise click.UsageError("give one of FILE, --registry and --clear")
    with Client(load_session()) as client:
        found = client.get(find_kind("image"), name)
        path = f"{OURS}/images/id/{found['id']}/signatures"
        if from_registry:
            password = registry_password_file.read_text().strip() if registry_password_file else ""
            new = _in_registry(client, found, Account(registry_user, password))
        else:
            new = read_file(file, payload) if file is not None else []
        known = [] if clear else objects_of(client.call("GET", path).get("list"))
        wanted = [*known, *(one for one in new if one not in known)]
        client.call("PUT", path, {"list": wanted})
    click.echo(f"image/{name}: {len(wanted)} signature{'' if len(wanted) == 1 else 's'}")


def read_file(file: Path, payload: Path | None) -> list[Json]:
    """The signatures of a file.  Raises ClickException."""
    data = file.read_bytes()
    text = data.strip()
    if text[:1] in (b"{", b"["):
        return list(_of_cosign(file, text))
    try:  # as cosign prints one, or the bytes themselves
        signature = base64.b64decode(text, validate=True) if text.isascii() else data
    except binascii.Error:
        signature = data
    over = {"Payload": _encoded(payload.read_bytes())} if payload is not None else {}
    return [{"Base64Signature": _encoded(signature), **over}]


def _of_cosign(file: Path, text: bytes) -> Iterable[Json]:
    """One object in each line, or a list of them."""
    try:
        lines = [json.loads(text)] if text[:1] == b"[" else map(json.loads, text.splitlines())
        for line in lines:
            for entry in line if is_list(line) else [line]:
                if not is_object(entry) or not entry.get("Base64Signature"):
                    raise click.ClickException(
                        f"{file}: no Base64Signature; send what `cosign download signature` prints"
                    )
                yield {key: entry[key] for key in ("Base64Signature", "Payload") if entry.get(key)}
    except ValueError as error:
        raise click.ClickException(f"{file} is neither JSON nor a signature: {error}") from error


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _in_registry(client: Client, image: Json, account: Account) -> list[Json]:
    """Beside a container image, cosign keeps its signatures under the tag sha256-<digest>.sig."""
    digest = str(image.get("imageSha256") or "").lower().removeprefix("sha256:")
    ids = image.get("datastoreIdList") or [image.get("datastoreId")]
    store = client.call("GET", f"{find_kind('datastore').path}/id/{ids[0]}")
    address = "/".join(p for p in (str(store.get("dsFQDN")), str(store.get("dsPath") or "")) if p)
    chain = objects_of(object_of(store.get("certificateChain")).get("certificates"))
    registry = Registry(address, account, "".join(str(one.get("cert", "")) for one in chain))
    repository = str(image.get("imageRelUrl") or "").partition("@")[0].rpartition(":")[0]
    repository = repository or str(image.get("imageRelUrl") or "")
    found = [
        {"Base64Signature": signature, "Payload": _encoded(payload)}
        for signature, payload in registry.signatures(repository, digest)
    ]
    if not found:
        raise click.ClickException(
            f"{address} has no signatures of {repository}@sha256:{digest[:12]}; `cosign sign` "
            "puts them there"
        )
    return found


@click.command()
@IMAGE
@FORM
def signatures(name: str, form: str) -> None:
    """Show the signatures of an image, and whether projects let it in."""
    with Client(load_session()) as client:
        found = client.get(find_kind("image"), name)
        told = client.call("GET", f"{OURS}/images/id/{found['id']}/signatures")
    if form != "table":
        show_value(told, form)
        return
    kept = objects_of(told.get("list"))
    kinds = ["cosign" if one.get("Payload") else "detached" for one in kept]
    digest = str(told.get("sha256") or "") or "not pinned by a sha256"
    click.echo(f"{name}: {digest}, {len(kept)} signatures {' '.join(kinds)}".rstrip())
    show_table(
        ("PROJECT", "SIGNED ONLY", "LET IN", "WHY"),
        [
            (
                one.get("projectName"),
                "yes" if one.get("signedOnly") else "no",
                "yes" if one.get("letIn") else "no",
                f"signed by {one['signedBy']}" if one.get("signedBy") else one.get("why"),
            )
            for one in objects_of(told.get("projects"))
        ],
        "no project asks for signatures; `eaves image policy` changes that",
    )


@click.command()
@click.option(
    "--project",
    default="",
    shell_complete=complete_of("project"),
    help="Of this project; else of the whole enterprise.",
)
@click.option("--signed-only/--any", default=None, help="What its devices take.")
@click.option("--trust", metavar="NAME=FILE", multiple=True, help="A public key that counts.")
@click.option("--distrust", metavar="NAME", multiple=True, help="A key that counts no more.")
@FORM
def policy(
    project: str,
    form: str,
    trust: tuple[str, ...],
    distrust: tuple[str, ...],
    *,
    signed_only: bool | None,
) -> None:
    """Show or change which images a project takes, and whose signatures count.

    Where the enterprise or the project asks for signatures they are needed; the keys of both
    count.  Controller and devices refuse each by itself.
    """
    with Client(load_session()) as client:
        path = OF_ALL
        if project:
            id_ = client.get(find_kind("project"), project)["id"]
            path = f"{OURS}/projects/id/{id_}/image-policy"
        told = client.call("GET", path)
        if trust or distrust or signed_only is not None:
            told = _changed(told, trust, distrust, signed_only=signed_only)
            client.call("PUT", path, told)
    if form != "table":
        show_value(told, form)
        return
    whose = f"project {project}" if project else "the enterprise"
    takes = "signed images only" if told.get("signedOnly") else "all images"
    names = [str(one.get("name")) for one in objects_of(told.get("trustedKeys"))]
    click.echo(f"{whose}: takes {takes}; trusted keys: {', '.join(names) or 'none'}")


def _changed(
    told: Json, trust: Iterable[str], distrust: Iterable[str], *, signed_only: bool | None
) -> Json:
    keys = {str(one.get("name")): str(one.get("pem")) for one in objects_of(told["trustedKeys"])}
    for name in distrust:
        if keys.pop(name, None) is None:
            raise click.ClickException(
                f"no trusted key is called {name!r}; there are {', '.join(keys) or 'none'}"
            )
    for one in trust:
        name, equals, file = one.partition("=")
        if not equals or not name or not file:
            raise click.UsageError(f"--trust {one!r}: write NAME=FILE")
        keys[name] = Path(file).read_text(encoding="utf-8")
    only = told.get("signedOnly") if signed_only is None else signed_only
    return {
        "signedOnly": bool(only),
        "trustedKeys": [{"name": name, "pem": pem} for name, pem in keys.items()],
    }
