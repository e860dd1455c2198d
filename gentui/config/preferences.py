"""The user's preferences, which the app keeps in ``app.json`` of the config directory."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gentui.config.schema import ConfigFile, parse, setting

IMAGES = ("auto", "kitty", "sixel", "half", "none")
_file = ConfigFile("app.json")


@dataclass(frozen=True)
class Preferences:
    """Settings with a title are on the preferences screen; the app sets the others itself.

    ``toured``: whether the tour of the first start has been shown. ``runs_columns``: the extra columns that the
    list of runs was left with; ``runs_pane_beside``, ``runs_pane_beneath``: whether it was left with its pane, on
    screens where that is beside the list and where it is below it; ``recipes_pane``: the same of the recipes, on wide
    screens; ``run_log``: whether the log was left beneath the curves of a run.
    """

    theme: str = setting("", title="theme", help="of the whole app")
    toured: bool = setting(False)
    palette: str = setting(
        "theme", choices=("theme", "bright", "sunset"), title="curves", help="colours of the curves"
    )
    images: str = setting(
        "auto",
        choices=IMAGES,
        labels={"half": "half blocks"},
        title="pictures",
        help="auto: from the next start",
    )
    lines: str = setting(
        "",
        choices=("", "braille", "block", "ascii"),
        labels={"": "as last used"},
        title="lines",
        help="of all charts, from the next start",
    )
    start: str = setting(
        "recipes",
        choices=("recipes", "runs", "newest"),
        labels={"newest": "newest run"},
        title="start screen",
        help="opened first",
    )
    low_bandwidth: bool = setting(False, title="low bandwidth", help="fewer redraws, from the next start")
    signal: str = setting(
        "bell",
        choices=("bell", "osc9", "osc777", "none"),
        labels={"osc9": "OSC 9", "osc777": "OSC 777", "none": "notice only"},
        title="a run ends",
        help="bell, or a notification of the terminal",
    )
    runs_columns: str = setting("")
    runs_pane_beside: bool = setting(True)
    runs_pane_beneath: bool = setting(True)
    recipes_pane: bool = setting(True)
    run_log: bool = setting(True)


def path() -> Path:
    return _file.path


def read() -> Preferences:
    """The saved preferences; defaults for what is missing or invalid."""
    return parse(Preferences, _file.read()[0])[0]


@dataclass(frozen=True)
class HomePreferences:
    """What the app remembers of one home, in ``app.json`` there: the filter that its list of runs was left with."""

    runs_filter: str = setting("")


def read_of_home(home: Path) -> HomePreferences:
    """What is remembered of a home; defaults for what is missing or invalid."""
    return parse(HomePreferences, ConfigFile(_file.name, home).read()[0])[0]


def remember_of_home(home: Path, **changes: Any) -> bool:
    """Save what is to be remembered of a home; False if it cannot be written, being another user's, say."""
    try:
        ConfigFile(_file.name, home).update(
            lambda content: asdict(replace(parse(HomePreferences, content)[0], **changes))
        )
    except OSError:
        return False
    return True


def problem() -> str:
    """A sentence on what of the saved preferences is ignored; "" for nothing."""
    content, trouble = _file.read()
    invalid = parse(Preferences, content)[1]
    return trouble or (f"Ignored in {path()}: {'; '.join(invalid)}." if invalid else "")


def remember(**changes: Any) -> bool:
    """Save changed preferences; False if the file cannot be written."""
    try:
        _file.update(lambda content: asdict(replace(parse(Preferences, content)[0], **changes)))
    except OSError:
        return False
    return True
