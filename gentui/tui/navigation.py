"""Screens by name. Each is imported when it is first opened, so screens need not import one another."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.screen import Screen

SCREENS = {
    "home": "gentui.tui.screens.home:HomeScreen",
    "runs": "gentui.tui.screens.runs:RunsScreen",
    "leaderboard": "gentui.tui.screens.leaderboard:LeaderboardScreen",
    "machine": "gentui.tui.screens.machine:MachineScreen",
    "run": "gentui.tui.screens.run:RunScreen",
    "compare": "gentui.tui.screens.compare:CompareScreen",
    "playground": "gentui.tui.screens.playground:PlaygroundScreen",
    "features": "gentui.tui.screens.features:FeaturesScreen",
    "picture": "gentui.tui.screens.picture:PictureScreen",
    "form": "gentui.tui.screens.form:FormScreen",
    "evaluate": "gentui.tui.screens.evaluate:EvaluateScreen",
    "export": "gentui.tui.screens.export:ExportScreen",
    "overlay": "gentui.tui.screens.overlay:OverlayScreen",
    "choose": "gentui.tui.screens.choose:ChooseScreen",
    "launch": "gentui.tui.screens.launch:LaunchScreen",
    "confirm": "gentui.tui.screens.confirm:ConfirmScreen",
    "prompt": "gentui.tui.screens.prompt:PromptScreen",
    "copy": "gentui.tui.screens.copy:CopyScreen",
    "find": "gentui.tui.screens.find:FindScreen",
    "help": "gentui.tui.screens.help:HelpScreen",
    "jump": "gentui.tui.screens.jump:JumpScreen",
    "notice": "gentui.tui.screens.notice:NoticeScreen",
    "preferences": "gentui.tui.screens.preferences:PreferencesScreen",
    "tour": "gentui.tui.screens.tour:TourScreen",
}
"""Name -> ``module:Class``."""


def screen_class(name: str) -> type[Screen[Any]]:
    """The class of a screen. Raises KeyError for an unknown name."""
    module, _, attribute = SCREENS[name].partition(":")
    return getattr(import_module(module), attribute)


def create(name: str, *arguments: Any, **options: Any) -> Screen[Any]:
    """A new screen of this name, built with the arguments of its class."""
    return screen_class(name)(*arguments, **options)


def preload(*names: str) -> None:
    """Import screens ahead of their first use."""
    for name in names:
        screen_class(name)
