"""The `eaves` command.  Each part is imported only when it is asked for: help is a plain table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Part(NamedTuple):  # no dataclass: help is to come at once
    """Where a command lives; `help` is the first line of its own help."""

    where: str  # module:attribute
    help: str
    extra: str = "cli"  # the extra of the distribution that brings its libraries


SECTIONS: Mapping[str, Mapping[str, Part]] = {
    "Run": {
        "controller": Part(
            "eaves.controller.main:command", "Run the controller of a fleet.", "controller"
        ),
        "node": Part(
            "eaves.node.main:command", "Run, install or inspect the node of this machine.", "node"
        ),
        "demo": Part("eaves.cli.demo:command", "Show Eaves on this machine."),
        "fleet": Part("eaves.fleet.main:command", "Simulate devices.", "fleet"),
    },
    "Log in": {
        "login": Part("eaves.cli.login:login", "Log in at a controller."),
        "logout": Part("eaves.cli.login:logout", "End this login, here and at the controller."),
        "context": Part("eaves.cli.contexts:context", "List, choose and forget logins."),
        "token": Part("eaves.cli.tokens:token", "Make, list and revoke API tokens."),
        "totp": Part("eaves.cli.tokens:totp", "Your second factor: codes of an authenticator app."),
    },
    "See": {
        "get": Part("eaves.cli.objects:get", "List objects of a kind, or show some of them."),
        "describe": Part("eaves.cli.objects:describe", "Tell everything known of one object."),
        "why": Part("eaves.cli.why:why", "Tell why an object is not as asked for."),
        "explain": Part(
            "eaves.cli.explain:explain", "Show which nodes match, which do not, and by which term."
        ),
        "plan": Part(
            "eaves.cli.plan:plan",
            "Show what a change would do to nodes, before it is made.",
        ),
        "logs": Part("eaves.cli.logs:logs", "Show log lines of an app instance or a device."),
        "flows": Part(
            "eaves.cli.flows:flows",
            "Show network flows of an app instance, a device or a network instance.",
        ),
        "storage": Part(
            "eaves.cli.storage:storage",
            "Show how much telemetry is kept, by which bounds, and what was dropped last.",
        ),
        "audit": Part("eaves.cli.audit:audit", "Read, export and check the log of who did what."),
        "alert": Part("eaves.cli.alerts:alert", "See what alert rules found, and how it was told."),
        "watch": Part("eaves.cli.why:watch", "Follow events as they happen."),
        "wait": Part("eaves.cli.waiting:wait", "Wait until objects are as you want them."),
        "kinds": Part("eaves.cli.objects:kinds", "List the kinds of object and their other names."),
    },
    "Change": {
        "apply": Part("eaves.cli.apply:apply", "Make objects as YAML files say."),
        "diff": Part(
            "eaves.cli.diffs:diff",
            "Show what `eaves apply` of these files would change, field by field.",
        ),
        "delete": Part("eaves.cli.apply:delete", "Delete objects by name or by file."),
        "marketplace": Part(
            "eaves.cli.marketplace:marketplace", "Bring applications of the catalogue to devices."
        ),
        "onboarding": Part(
            "eaves.cli.onboarding:onboarding", "Write the folder that a new node starts from."
        ),
    },
    "Many at once": {
        "job": Part("eaves.cli.jobs:job", "Do one thing to many objects, with a result for each."),
        "rollout": Part("eaves.cli.rollout:rollout", "Change many nodes in waves."),
    },
    "People, devices, models, files": {
        "user": Part(
            "eaves.cli.people:user",
            "Passwords, sessions and second factors of the users of your enterprise.",
        ),
        "device": Part(
            "eaves.cli.devices:device",
            "Make many devices from a file, replace machines, open debug access, upgrade.",
        ),
        "attestation": Part(
            "eaves.cli.attestation:attestation",
            "Show what a device booted; accept it, ask again, block the device.",
        ),
        "model": Part(
            "eaves.cli.models:model",
            "Draft models from nodes, move them between files and controllers.",
        ),
        "image": Part(
            "eaves.cli.uploads:image",
            "Bring the bytes of images into the controller, make them ready, say who signed them.",
        ),
        "artifact": Part(
            "eaves.cli.uploads:artifact",
            "Keep small files in the controller: logos, licences, what a patch carries.",
        ),
    },
    "Act": {
        "reboot": Part("eaves.cli.verbs:reboot", "Reboot a device."),
        "restart": Part("eaves.cli.verbs:restart", "Restart an app instance; its volumes stay."),
        "purge": Part(
            "eaves.cli.verbs:purge", "Start an app instance anew, with new volumes from its images."
        ),
        "refresh": Part(
            "eaves.cli.verbs:refresh", "Bring an app instance to the newest version of its app."
        ),
        "activate": Part("eaves.cli.verbs:activate", "Activate devices or app instances."),
        "deactivate": Part("eaves.cli.verbs:deactivate", "Deactivate devices or app instances."),
    },
    "For shells and scripts": {
        "completion": Part(
            "eaves.cli.completion:completion",
            "Print what a shell needs to complete commands, options, kinds and names.",
        ),
        "api": Part(
            "eaves.cli.raw:api",
            "Call an operation of the REST API and print its answer, for what has no command here.",
        ),
    },
}
PARTS: Mapping[str, Part] = {
    name: part for parts in SECTIONS.values() for name, part in parts.items()
}


class Parts(click.Group):
    """Lists every command without importing what runs it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        part = PARTS.get(cmd_name)
        if part is None:
            return None
        from eaves.prepared import import_part  # noqa: PLC0415 - of no use to help

        module, _, attribute = part.where.partition(":")
        try:
            command = getattr(import_part(module), attribute)
        except ModuleNotFoundError as error:
            if error.name and error.name.partition(".")[0] == "eaves":
                raise
            raise click.ClickException(
                f"`eaves {cmd_name}` needs the library {error.name}: "
                f"pip install 'eaves[{part.extra}]'"
            ) from error
        if not isinstance(command, click.Command):
            raise click.ClickException(f"{part.where} is not a command")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        """From the table: nothing that runs a command is imported."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for a shell

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=part.help)
            for name, part in PARTS.items()
            if name.startswith(incomplete)
        ]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest commands for a word that is none."""
        word = args[0] if args else ""
        if word and not word.startswith("-") and word not in PARTS:
            import difflib  # noqa: PLC0415 - only where something went wrong

            near = difflib.get_close_matches(word, PARTS, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "`eaves -h` lists them all"
            ctx.fail(f"there is no command {word!r}; {hint}")
        if word in PARTS and PARTS[word].extra == "cli" and word != "demo":
            from eaves.cli.terminal import guard_terminal  # noqa: PLC0415 - only where one prints

            guard_terminal()
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for name in PARTS)
        for title, parts in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), part.help) for name, part in parts.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            hint = _hint_at_kind(error)
            if not hint:
                raise
            raise click.UsageError(f"{error.message}; {hint}", error.ctx) from error
        except BrokenPipeError:
            raise  # click ends quietly: who read our output has gone
        except OSError as error:
            part = PARTS.get(ctx.invoked_subcommand or "")
            if part is None or part.extra != "cli":
                raise  # controller and node say themselves what they expect to fail
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise click.ClickException(what) from error


def _hint_at_kind(error: click.UsageError) -> str:
    """`restart instance web`, as other tools want it, where the command is about one kind."""
    ctx = error.ctx
    if ctx is None or "extra argument" not in error.message:
        return ""
    from eaves.cli.kinds import BY_WORD  # noqa: PLC0415 - only where something went wrong

    given = [one for one in ctx.params.values() if isinstance(one, str)]
    kinds = [word for word in given if word.lower() in BY_WORD]
    path = ctx.command_path
    return f"{path} is about one kind: leave {kinds[0]!r} out, as `{path} NAME`" if kinds else ""


def _complete_contexts(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> "list[CompletionItem[str]]":
    from eaves.cli.completion import complete_contexts  # noqa: PLC0415 - only for a shell

    return complete_contexts(ctx, param, incomplete)


def _keep_context(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    """Where `eaves.cli.session` looks for it, also below commands of commands."""
    ctx.meta["eaves.context"] = value


@click.group(
    cls=Parts,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`eaves COMMAND -h` tells more of a command.",
)
@click.option(
    "--context",
    metavar="NAME",
    expose_value=False,
    callback=_keep_context,
    shell_complete=_complete_contexts,
    help="Login to use, of `eaves context list`, instead of the one in use.",
)
@click.version_option(package_name="eaves", prog_name="eaves", message="%(prog)s %(version)s")
def main() -> None:
    """Eaves manages edge devices: a controller, the node they run, and this command line."""
