"""The kinds of object a person names: by a word, on the command line and in files."""

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from eaves.cli.kind import Column, Kind, at
from eaves.cli.kind_table import KINDS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["KINDS", "ORDER", "Column", "Kind", "KindType", "at", "find_kind"]

ORDER: Mapping[str, int] = {kind.name: n for n, kind in enumerate(KINDS)}
BY_WORD: Mapping[str, Kind] = {word: kind for kind in KINDS for word in (kind.name, *kind.aliases)}


def find_kind(word: str) -> Kind:
    """By name or alias; a wrong word is answered with the nearest ones."""
    kind = BY_WORD.get(word.lower())
    if kind is not None:
        return kind
    near = difflib.get_close_matches(word.lower(), BY_WORD, n=3, cutoff=0.6)
    meant = dict.fromkeys(BY_WORD[alias].name for alias in near)
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"kinds: {', '.join(ORDER)}"
    raise click.ClickException(f"there is no kind {word!r}; {hint}")


class KindType(click.ParamType[Kind]):
    """A kind on the command line; `only` where a command makes sense for a few."""

    name = "kind"

    def __init__(self, *only: str) -> None:
        self._only = only

    def convert(
        self, value: str | Kind, param: click.Parameter | None, ctx: click.Context | None
    ) -> Kind:
        try:
            kind = value if isinstance(value, Kind) else find_kind(value)
        except click.ClickException as error:
            self.fail(error.message, param, ctx)
        if self._only and kind.name not in self._only:
            self.fail(f"not for {kind.a}; for {', '.join(self._only)}", param, ctx)
        return kind

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return "|".join(self._only) if self._only and len(self._only) < 6 else None

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for a shell

        words = self._only or tuple(ORDER)
        return [CompletionItem(word) for word in words if word.startswith(incomplete.lower())]


class OfObjects(click.Command):
    """A command about objects, which may be written KIND/NAME, as `-o name` prints them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, split_titles(args))


def split_titles(args: list[str]) -> list[str]:
    """`device/a device/b` as `device a b`; what follows an option stays as it is.

    Raises UsageError for titles of several kinds.
    """
    done: list[str] = []
    kind: Kind | None = None
    for before, word in zip(["", *args], args, strict=False):
        first, slash, rest = word.partition("/")
        found = BY_WORD.get(first.lower()) if slash and rest else None
        if found is None or before.startswith("-"):
            done.append(word)
        elif kind is not None and found is not kind:
            raise click.UsageError(f"{word!r} is of another kind than what stands before it")
        elif kind is not None:
            done.append(rest)
        elif not (plain := _plain(done)):
            kind = found
            done += [found.name, rest]
        else:  # a kind stands first already
            done.append(rest if BY_WORD.get(plain[0].lower()) is found else word)
    return done


def _plain(args: list[str]) -> list[str]:
    """Without options and the word behind each."""
    return [
        word
        for before, word in zip(["", *args], args, strict=False)
        if not word.startswith("-") and not before.startswith("-")
    ]
