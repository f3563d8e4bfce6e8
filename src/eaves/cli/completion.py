"""`eaves completion`, and what it completes: kinds, names that the controller has, contexts.

A shell waits while a person types: whatever the controller does not tell within a moment is left
out, and so is every fault.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from eaves.cli.kind import Kind

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from eaves.cli.session import Session

WITHIN_S: Final = 1.0
MOST: Final = 50
VARIABLE: Final = "_EAVES_COMPLETE"  # by which a shell asks the command
SHELLS: Final = ("bash", "zsh", "fish")
WHERE: Final = {
    "bash": 'eval "$(eaves completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(eaves completion zsh)" in ~/.zshrc, behind compinit',
    "fish": "eaves completion fish > ~/.config/fish/completions/eaves.fish",
}
Items: TypeAlias = "list[CompletionItem[str]]"
Completer = Callable[[click.Context, click.Parameter, str], Items]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what a shell needs to complete commands, options, kinds and names.

    In bash: eval "$(eaves completion bash)" in ~/.bashrc; zsh the same in ~/.zshrc behind compinit;
    fish: eaves completion fish > ~/.config/fish/completions/eaves.fish.  Names come from the
    controller of the login, if it tells them within a second.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only here

    of_shell = get_completion_class(shell)
    if of_shell is None:
        raise click.ClickException(f"{shell} is not known to this version; {', '.join(SHELLS)} are")
    click.echo(of_shell(context.find_root().command, {}, "eaves", VARIABLE).source())
    click.echo(f"# {WHERE[shell]}")


def complete_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Names of objects of the kind that stands before."""
    kind = context.params.get("kind")
    return _items(_names(kind, incomplete)) if isinstance(kind, Kind) else []


def complete_of(kind_name: str) -> Completer:
    """Names of objects of one kind."""

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
        from eaves.cli.kinds import find_kind  # noqa: PLC0415 - as above

        return _items(_names(find_kind(kind_name), incomplete))

    return complete


def complete_contexts(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> Items:
    from eaves.cli.session import load_contexts  # noqa: PLC0415 - only for a shell

    try:
        names = sorted(load_contexts().sessions)
    except click.ClickException:
        names = []
    return _items([name for name in names if name.startswith(incomplete)])


def _items(names: Sequence[str]) -> Items:
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for a shell

    return [CompletionItem(name) for name in names]


def _names(kind: Kind, begin: str) -> list[str]:
    """Those that begin so, as far as the controller tells them in time."""
    from eaves.cli.session import load_session  # noqa: PLC0415 - only for a shell

    try:
        session = load_session()  # here: another thread does not know what --context says
    except click.ClickException:
        return []  # nobody is logged in
    found: list[str] = []
    asking = threading.Thread(target=_ask, args=(session, kind, begin, found), daemon=True)
    asking.start()
    asking.join(WITHIN_S)
    return sorted(set(found))


def _ask(session: "Session", kind: Kind, begin: str, found: list[str]) -> None:
    from eaves.cli.client import Client  # noqa: PLC0415 - only for a shell
    from eaves.cli.json_values import objects_of  # noqa: PLC0415 - as above
    from eaves.cli.kind import at  # noqa: PLC0415 - as above

    try:
        with Client(session, WITHIN_S) as client:
            if "{" in kind.path:
                rows = list(client.list(kind))
            else:
                query = {"next.pageSize": str(MOST)}
                if begin and kind.by_name:
                    query[f"{kind.key}Pattern"] = begin
                rows = objects_of(at(client.call("GET", kind.path, query=query), kind.members))
    except click.ClickException:
        return  # the controller is away, or does not tell this user: nothing is offered
    found += [name for row in rows if (name := str(row.get(kind.key) or "")).startswith(begin)]
