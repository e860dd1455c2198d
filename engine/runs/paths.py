"""Paths of recipes, plug-ins and caches. Imports little: the app needs them before its first frame."""

from __future__ import annotations

import os
from pathlib import Path


def config_dir() -> Path:
    """The folder of the user's recipes and plug-ins: ``$GENTUI_CONFIG``, or the user's config directory of gentui."""
    if chosen := os.environ.get("GENTUI_CONFIG"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("gentui"))


def cache_dir(kind: str) -> Path:
    """A folder for files that can be made again: ``$GENTUI_HOME/cache/KIND``, or KIND in the user's cache of gentui."""
    if home := os.environ.get("GENTUI_HOME"):
        return Path(home).expanduser() / "cache" / kind
    import platformdirs

    return Path(platformdirs.user_cache_dir("gentui")) / kind


def shipped_dir() -> Path:
    """The folder of the recipes that ship with gentui: in the wheel, or beside the packages in a checkout."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "_recipes"
    return shipped if shipped.is_dir() else package.parent / "recipes"


def recipe_files() -> dict[str, Path]:
    """The files of all recipes of the menu, by name.

    The user's, in ``recipes`` of the config directory, replace shipped ones of the same name.
    """
    return {path.stem: path for path in [*_tomls(shipped_dir()), *_tomls(config_dir() / "recipes")]}


def _tomls(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("**/*.toml"))
    except OSError:  # no permission
        return []
