"""Completion of names: from the controller, or quietly nothing."""

import socket
import time

import click
import pytest

from eaves.cli import completion
from eaves.cli.completion import WITHIN_S, complete_contexts, complete_names, complete_of
from eaves.cli.kinds import KINDS, KindType, find_kind
from eaves.main import PARTS, main

ARGUMENT = click.Argument(["name"])


def _context(kind: str) -> click.Context:
    context = click.Context(click.Command("get"))
    context.params["kind"] = find_kind(kind)
    return context


def test_a_controller_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("EAVES_URL", f"https://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("EAVES_TOKEN", "x")
        monkeypatch.setattr(completion, "WITHIN_S", WITHIN_S / 4)
        begun = time.monotonic()
        assert complete_names(_context("device"), ARGUMENT, "") == []
        assert time.monotonic() - begun < WITHIN_S * 5


def test_without_a_login_nothing_is_offered(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in ("EAVES_URL", "EAVES_TOKEN", "EAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EAVES_CONFIG", str(tmp_path_factory.mktemp("none")))
    assert complete_of("device")(_context("device"), ARGUMENT, "") == []
    assert complete_contexts(_context("device"), ARGUMENT, "") == []


def test_commands_and_kinds_come_from_their_tables() -> None:
    with click.Context(main) as context:
        assert [one.value for one in main.shell_complete(context, "de")] == [
            name for name in PARTS if name.startswith("de")
        ]
        assert [one.value for one in main.shell_complete(context, "--con")] == ["--context"]
        kinds = KindType().shell_complete(context, ARGUMENT, "")
        assert [one.value for one in kinds] == [kind.name for kind in KINDS]
        few = KindType("device", "instance").shell_complete(context, ARGUMENT, "d")
        assert [one.value for one in few] == ["device"]
