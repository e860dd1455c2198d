"""Exit codes, and the messages for expected errors."""

from __future__ import annotations

import errno
import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any


class Exit(IntEnum):
    """Exit codes of ``gentui``."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CANNOT = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class Failure(Exception):
    """Ends a command with a message on stderr and an exit code."""

    def __init__(self, message: str, code: int = Exit.CANNOT):
        super().__init__(message)
        self.code = int(code)


NO_HOME = (
    "this user has no home directory: set HOME, or all of GENTUI_HOME, GENTUI_CONFIG, GENTUI_DATA and "
    "XDG_CACHE_HOME"
)
"""In containers that run as a user without an entry in /etc/passwd, say."""


def explain(error: Exception) -> tuple[str, int]:
    """The message and the exit code for an expected error. Re-raises any other error: it is a bug."""
    if isinstance(error, Failure):
        return str(error), error.code
    for kind, code in _known_errors():
        if isinstance(error, kind):
            return str(error), code
    if isinstance(error, UnicodeEncodeError):
        return "an argument is not valid text", Exit.USAGE
    if isinstance(error, RuntimeError) and "home directory" in str(error):  # pathlib's and platformdirs'
        return NO_HOME, Exit.CANNOT
    if isinstance(error, OSError):
        if error.errno == errno.EPIPE:
            return "", drop_stdout()
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}", Exit.CANNOT
    if type(error).__module__.partition(".")[0] in ("sqlite3", "sqlite_utils"):
        return f"the index cannot be used: {error} (`gentui index rebuild` rebuilds it)", Exit.CANNOT
    raise error


def explain_refusal(error: Exception, home: Path) -> str:
    """The sentence for an error of writing to a full disk, or to a home that is read-only; "" for another error."""
    if not isinstance(error, OSError) and type(error).__module__ != "sqlite3":
        return ""
    from gentui.machine import disk

    cause = disk.cause_of(error, home)
    sentence = disk.why(cause, home) if cause is not None else ""
    return "" if cause is not None and sentence == cause.strerror else sentence


def _known_errors() -> list[tuple[Any, int]]:
    from engine.recipes import recipe
    from gentui.config.home import HomeError
    from gentui.imports.log_entries import MissingLibrary, NoSuchPath, Unusable
    from gentui.index import RunNotFound
    from gentui.jobs import JobError
    from gentui.jobs.evaluations import NoSuchStep

    return [
        (recipe.RecipeError, Exit.USAGE),
        (recipe.UnknownRecipe, Exit.NOT_FOUND),
        (recipe.MissingData, Exit.CANNOT),
        (RunNotFound, Exit.NOT_FOUND),
        (HomeError, Exit.CANNOT),
        (NoSuchPath, Exit.NOT_FOUND),
        (MissingLibrary, Exit.CANNOT),
        (Unusable, Exit.USAGE),
        (NoSuchStep, Exit.NOT_FOUND),
        (JobError, Exit.CANNOT),
    ]


def drop_stdout() -> int:
    """Silence stdout after its reader has closed the pipe, so that Python reports nothing at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    return Exit.BROKEN_PIPE
