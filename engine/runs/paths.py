"""Where recipes and a person's own parts are found. Imports next to nothing: the app asks before its first frame."""

from __future__ import annotations

import os
from pathlib import Path


def config_dir() -> Path:
    """A person's own recipes and plug-ins: ``$GENTUI_CONFIG``, or ``gentui`` in the user's config directory."""
    if chosen := os.environ.get("GENTUI_CONFIG"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("gentui"))


def cache_dir(kind: str) -> Path:
    """What can be made anew: ``$GENTUI_HOME/cache/KIND``, or ``KIND`` in the user's cache directory."""
    if home := os.environ.get("GENTUI_HOME"):
        return Path(home).expanduser() / "cache" / kind
    import platformdirs

    return Path(platformdirs.user_cache_dir("gentui")) / kind


def shipped_dir() -> Path:
    """The recipes that ship with gentui: inside the wheel, or beside the packages in a checkout."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "_recipes"
    return shipped if shipped.is_dir() else package.parent / "recipes"


def recipe_files() -> dict[str, Path]:
    """Every recipe of the menu by its file's name. A person's own, in ``recipes`` of the config directory,
    stands before a shipped one of the same name."""
    return {path.stem: path for path in [*_tomls(shipped_dir()), *_tomls(config_dir() / "recipes")]}


def _tomls(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("**/*.toml"))
    except OSError:  # a folder closed to us
        return []
