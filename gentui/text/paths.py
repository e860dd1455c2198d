"""Paths that come from files nobody vouches for: event logs, imported logs. They must not lead outside a directory."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def is_inside(path: str) -> bool:
    """Whether a relative path, by its text alone, stays inside the directory that it is relative to."""
    relative = PurePosixPath(path)
    return bool(path) and "\0" not in path and not relative.is_absolute() and ".." not in relative.parts


def resolve_inside(folder: Path, path: str, *, follow_links: bool = True) -> Path | None:
    """The real path of ``folder / path``; None if it lies outside ``folder`` or cannot be resolved.

    Links are followed and may lead to other places inside ``folder``. With ``follow_links=False`` the result is None
    for any path through a link; ``folder`` must then be a real path itself. Whether the file exists is not checked.
    """
    if not is_inside(path):
        return None
    try:
        real = (folder / path).resolve()
        is_allowed = real.is_relative_to(folder.resolve()) if follow_links else real == folder / path
    except (OSError, ValueError, RuntimeError):  # RuntimeError: links in a circle
        return None
    return real if is_allowed else None
