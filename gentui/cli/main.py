"""The ``gentui`` command: a click group that imports a command's module only when the command is called.

Importing this module imports neither torch nor textual.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import shlex
import sys
from typing import NoReturn

import click

from gentui import __version__
from gentui.cli.console import App, complain, has_terminal, open_app
from gentui.cli.errors import Exit, Failure, drop_stdout, explain, explain_refusal

GROUPS = {
    "Train": {
        "recipes": "recipes", "recipe": "recipes", "run": "recipes", "stop": "jobs", "resume": "jobs", "queue": "jobs",
    },
    "Look": {
        "runs": "runs", "show": "runs", "logs": "runs", "compare": "compare", "open": "view", "events": "view",
        "sample": "sample",
    },
    "Judge": {"evaluate": "evaluate", "leaderboard": "leaderboard", "export": "export", "report": "export"},
    "Keep": {
        "tag": "jobs", "note": "jobs", "rename": "jobs", "rm": "jobs", "restore": "jobs", "trash": "jobs",
        "import": "importing",
    },
    "Machine": {
        "hosts": "hosts", "data": "machine", "doctor": "machine", "index": "machine", "completion": "completion",
    },
}  # fmt: skip
COMMANDS = {name: module for commands in GROUPS.values() for name, module in commands.items()}
"""The module of each command in ``gentui.cli.commands``."""
OTHER_WORDS = {
    "list": "runs", "ls": "runs", "ps": "queue", "status": "queue", "train": "run", "launch": "run", "start": "run",
    "delete": "rm", "remove": "rm", "log": "logs", "tail": "logs", "eval": "evaluate", "score": "evaluate",
    "kill": "stop", "check": "doctor",
}  # fmt: skip
"""What other programs call a command, and what it is called here."""
EXAMPLES = """\b
Start here:
  gentui run digits-unet --quick --wait    train a small diffusion model
  gentui                                   watch it, and choose what to train next
  gentui run digits-unet -o optim.lr=1e-3 --sweep train.seed=0..2
  gentui leaderboard --dataset digits
"""


_WORDS = "gentui.words"


class Commands(click.Group):
    """Loads commands from ``gentui.cli.commands`` by name, and lists them in the order of ``COMMANDS``."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(ctx.obj, App) and (sentence := explain_refusal(error, ctx.obj.home)):
                raise Failure(sentence) from error
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, names in GROUPS.items():
            rows = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(width), command.get_short_help_str(200)) for name, command in rows if command]
                )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = list(args)
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (module := COMMANDS.get(cmd_name)) is None:
            return None
        return getattr(importlib.import_module(f"gentui.cli.commands.{module}"), f"{cmd_name}_command")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] == "help":
            args = [*args[1:], "--help"]
        if args[0] in ("--help", "version"):
            click.echo(ctx.get_help() if args[0] == "--help" else f"gentui, version {__version__}")
            ctx.exit()
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if close := [OTHER_WORDS[args[0]]] if args[0] in OTHER_WORDS else _similar(args[0]):
                raise click.UsageError(
                    f"{error.message.rstrip('.')}; did you mean {close[0]!r}?", ctx
                ) from None
            raise


def _similar(word: str) -> list[str]:
    return difflib.get_close_matches(word, COMMANDS, n=1)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home", metavar="DIR", help="Directory of the runs (default: $GENTUI_HOME, or the user's data directory)."
)
@click.option(
    "--host",
    metavar="HOST",
    help="Run the command on another machine over SSH. $GENTUI_REMOTE: the gentui command there (default: gentui).",
)
@click.option(
    "--images",
    type=click.Choice(["auto", "kitty", "sixel", "half", "none"]),
    default="auto",
    help="How the app draws images (default: auto).",
)
@click.option(
    "--low-bandwidth",
    is_flag=True,
    help="For slow connections: redraw every five seconds, curves in ASCII, images in half blocks, no animation.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print data and what went wrong, and nothing else.")
@click.option("--no-color", is_flag=True, help="No colours, as with the variable NO_COLOR.")
@click.version_option(__version__, "-V", "--version", prog_name="gentui")
@click.pass_context
def cli(
    ctx: click.Context,
    home: str | None,
    host: str | None,
    images: str,
    low_bandwidth: bool,
    quiet: bool,
    no_color: bool,
) -> None:
    """A terminal workbench for image generative models. Without a command, it opens the app.

    RUN is a run's id, its name, a unique prefix of either, or `latest`. Exit codes: 0 success, 1 the run failed,
    2 wrong usage or an invalid recipe, 3 not found, 4 not possible here.
    """
    if host is not None:
        _run_on(host, ctx.meta[_WORDS], ctx)
    if no_color:
        os.environ["NO_COLOR"] = "1"
    ctx.obj = App(home, images, low_bandwidth, quiet)
    if ctx.invoked_subcommand is None:
        open_app(ctx.obj)


def _run_on(host: str, words: list[str], ctx: click.Context) -> NoReturn:
    """Replace this process with the same command on another machine, over SSH."""
    if not host or host[0] == "-":
        raise click.UsageError(f"--host needs the name of a machine, not {host!r}", ctx)
    at = next(i for i, word in enumerate(words) if word.partition("=")[0] == "--host")
    there = [*words[:at], *words[at + (1 if "=" in words[at] else 2) :]]
    remote = f"{os.environ.get('GENTUI_REMOTE') or 'gentui'} {shlex.join(there)}".rstrip()
    terminal = ["-t"] if has_terminal() else []
    try:
        os.execvp("ssh", ["ssh", *terminal, "--", host, remote])
    except FileNotFoundError:
        raise Failure("--host needs `ssh`, which is not installed here") from None


def main(arguments: list[str] | None = None) -> NoReturn:
    """The entry point: run a command, print a message if it fails, exit with its code."""
    gc.set_threshold(
        50_000, 20, 100
    )  # else a list of thousands of runs is visited again and again while it is read
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        result = cli.main(arguments, prog_name="gentui", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else Exit.OK
    except click.exceptions.NoArgsIsHelpError as error:  # a group without a command
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        complain(error.format_message())
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return drop_stdout()
    except Exception as error:
        message, code = explain(error)
        complain(*message.splitlines())
        return code


_TO_CHOOSE_FROM = {
    "RECIPE": "`gentui recipes` lists them, for example digits-unet, photos-dcgan, digits-vae",
    "RUN": "`gentui runs` lists them; the newest is `latest`",
}


def _usage(error: click.UsageError) -> int:
    complain(error.format_message())
    if isinstance(error, click.MissingParameter) and error.param is not None:
        for word, line in _TO_CHOOSE_FROM.items():
            if (error.param.metavar or "").startswith(word):
                complain(line)
    if error.ctx is not None:
        complain(f"(see `{error.ctx.command_path} --help`)")
    return Exit.USAGE
