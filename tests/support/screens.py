"""Every screen by the context of its keys."""

from __future__ import annotations

from textual.screen import Screen

from gentui.tui.screens.choose import ChooseScreen
from gentui.tui.screens.compare import CompareScreen
from gentui.tui.screens.confirm import ConfirmScreen
from gentui.tui.screens.copy import CopyScreen
from gentui.tui.screens.evaluate import EvaluateScreen
from gentui.tui.screens.export import ExportScreen
from gentui.tui.screens.features import FeaturesScreen
from gentui.tui.screens.find import FindScreen
from gentui.tui.screens.form import FormScreen
from gentui.tui.screens.help import HelpScreen
from gentui.tui.screens.home import HomeScreen
from gentui.tui.screens.jump import JumpScreen
from gentui.tui.screens.launch import LaunchScreen
from gentui.tui.screens.leaderboard import LeaderboardScreen
from gentui.tui.screens.machine import MachineScreen
from gentui.tui.screens.notice import NoticeScreen
from gentui.tui.screens.overlay import OverlayScreen
from gentui.tui.screens.picture import PictureScreen
from gentui.tui.screens.playground import PlaygroundScreen
from gentui.tui.screens.preferences import PreferencesScreen
from gentui.tui.screens.prompt import PromptScreen
from gentui.tui.screens.run import RunScreen
from gentui.tui.screens.runs import RunsScreen

SCREENS: dict[str, type[Screen]] = {
    "compare": CompareScreen, "choose": ChooseScreen, "jump": JumpScreen, "copy": CopyScreen, "machine": MachineScreen,
    "home": HomeScreen, "form": FormScreen, "runs": RunsScreen, "run": RunScreen, "picture": PictureScreen,
    "playground": PlaygroundScreen, "features": FeaturesScreen,
    "leaderboard": LeaderboardScreen, "export": ExportScreen, "evaluate": EvaluateScreen, "help": HelpScreen,
    "confirm": ConfirmScreen, "prompt": PromptScreen, "notice": NoticeScreen, "overlay": OverlayScreen,
    "preferences": PreferencesScreen, "launch": LaunchScreen, "find": FindScreen,
}  # fmt: skip
