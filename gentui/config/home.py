"""The home directory, where gentui keeps everything it writes: ``$GENTUI_HOME``."""

from __future__ import annotations

import os
from pathlib import Path

DIR_MODE = 0o700


class HomeError(Exception):
    """The home directory cannot be used; the message says which and why."""


def home_path(option: str | Path | None = None) -> Path:
    """The home directory: ``option`` (``--home``), else ``$GENTUI_HOME``, else the user's data directory; absolute."""
    chosen = option or os.environ.get("GENTUI_HOME")
    if not chosen:
        import platformdirs

        chosen = platformdirs.user_data_dir("gentui")
    return Path(os.path.abspath(Path(chosen).expanduser()))  # noqa: PTH100 - links stay as the user wrote them


def resolve_home(option: str | Path | None = None) -> Path:
    """The path of ``home_path``, which is created if missing.

    Raises HomeError if it cannot be created or is not a directory.
    """
    home = home_path(option)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=DIR_MODE)
    except FileExistsError:
        raise HomeError(f"{home} is not a directory; choose another with --home or GENTUI_HOME") from None
    except OSError as error:
        raise HomeError(
            f"cannot create {home}: {error.strerror}; choose another with --home or GENTUI_HOME"
        ) from None
    return home
