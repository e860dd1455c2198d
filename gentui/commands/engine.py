"""Modules of the engine, run on a run's checkpoint in a process of their own: this one never imports torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from engine.rundir import RunDir
from gentui.commands.console import App, Exit, Failure


def with_checkpoint(app: App, run: str, which: str | None = None) -> RunDir:
    """The run a person means. Raises JobError where it has no checkpoint to sample from."""
    from gentui.jobs.evaluating import require_checkpoint

    found = RunDir(app.home / "runs" / app.index().find(run))
    require_checkpoint(found, which)
    return found


def run_engine(module: str, run: RunDir, options: Mapping[str, Any], *flags: str) -> int:
    """Run a module with the options that are not None; its stdout and stderr are ours.

    Returns its exit code as one of ours; raises Failure when it was killed.
    """
    arguments = [f"--{key}={value}" for key, value in options.items() if value is not None]
    # -P: nothing in the working directory is picked up in place of the engine
    command = [sys.executable, "-P", "-m", f"engine.{module}", str(run.path), *arguments, *flags]
    sys.stdout.flush()
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if code < 0:
        raise Failure(f"killed by signal {-code}", Exit.RUN_FAILED)
    return code
