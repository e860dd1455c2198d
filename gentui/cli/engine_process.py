"""Run modules of the engine on a run's checkpoint, in a separate process: this one never imports torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from engine.runs.directory import CheckpointChoice, RunDir, parse_checkpoint
from gentui.cli.console import App
from gentui.cli.errors import Exit, Failure

Command = TypeVar("Command", bound=Callable[..., Any])


def with_checkpoint(app: App, run: str, which: CheckpointChoice | None = None) -> RunDir:
    """Find a run that has the checkpoint. Raises RunNotFound, or JobError if there is no such checkpoint."""
    from gentui.jobs.evaluations import require_checkpoint

    found = RunDir(app.home / "runs" / app.find_id(run))
    require_checkpoint(found, which)
    return found


def checkpoint_option(help: str) -> Callable[[Command], Command]:
    """``--checkpoint``: the callback's value is a ``CheckpointChoice`` or None."""

    def named(ctx: click.Context, param: click.Parameter, value: str | None) -> CheckpointChoice | None:
        try:
            return None if value is None else parse_checkpoint(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return click.option("--checkpoint", metavar="best|last|STEP", callback=named, help=help)


def run_engine(module: str, run: RunDir, options: Mapping[str, Any], *flags: str) -> int:
    """Run ``engine.inference.MODULE`` with the options that are not None; it shares stdout and stderr.

    Returns its exit code, which has the meaning of ``Exit``. Raises Failure if it was killed.
    """
    from gentui.jobs.job_types import as_arguments

    return run_module(module, str(run.path), *as_arguments(options), *flags)


def run_module(module: str, *arguments: str) -> int:
    """Run ``engine.inference.MODULE``, sharing stdout and stderr; returns its exit code. Raises Failure as above."""
    # -P: a folder called engine in the working directory must not be imported instead
    command = [sys.executable, "-P", "-m", f"engine.inference.{module}", *arguments]
    sys.stdout.flush()
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if code < 0:
        raise Failure(f"killed by signal {-code}", Exit.RUN_FAILED)
    return code
