"""Exit codes, and what a person reads of an error. An error of gentui's own is raised again."""

from __future__ import annotations

import errno
import os
import sys
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CANNOT = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class Failure(Exception):
    """A command that ends with a sentence (or several lines) on stderr and an exit code."""

    def __init__(self, message: str, code: int = Exit.CANNOT):
        super().__init__(message)
        self.code = int(code)


def explain(error: Exception) -> tuple[str, int]:
    """What a person is told of an error, and the exit code. What is our own mistake is raised again."""
    if isinstance(error, Failure):
        return str(error), error.code
    for kind, code in _known_errors():
        if isinstance(error, kind):
            return str(error), code
    if isinstance(error, UnicodeEncodeError):
        return "an argument is not valid text", Exit.USAGE
    if isinstance(error, OSError):
        if error.errno == errno.EPIPE:
            return "", drop_stdout()
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}", Exit.CANNOT
    if type(error).__module__.partition(".")[0] in ("sqlite3", "sqlite_utils"):
        return f"the index cannot be used: {error} (`gentui index rebuild` makes it anew)", Exit.CANNOT
    raise error


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
    """The reader of our output has gone: nothing more to say, and nothing to say at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    return Exit.BROKEN_PIPE
