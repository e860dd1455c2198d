"""``completion``: the script with which a shell completes gentui's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from gentui.cli.console import out

PROGRAM = "gentui"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes gentui's commands, runs, recipes and settings in bash, zsh or fish.

    Put `eval "$(gentui completion bash)"` into ~/.bashrc, the same with zsh into ~/.zshrc; for fish, write the output
    to ~/.config/fish/completions/gentui.fish.
    """
    chosen = get_completion_class(shell)
    assert chosen is not None
    out(chosen(ctx.find_root().command, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source().rstrip("\n"))
