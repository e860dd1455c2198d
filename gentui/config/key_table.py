"""The table of all keys, from which bindings, the key bar, the help and the command palette are made.

A key belongs to a context: ``app`` applies everywhere, the others on their screen. No key may occur twice within
``app`` and the context of one screen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.binding import Binding

CONTEXTS = {
    "app": "Everywhere",
    "home": "Home: recipes",
    "form": "Settings form",
    "runs": "Runs",
    "run": "Run view",
    "picture": "Full-screen picture",
    "playground": "Playground",
    "features": "Playground of a classifier",
    "overlay": "Overlay of runs",
    "leaderboard": "Leaderboard",
    "compare": "Comparison of runs",
    "machine": "Machine",
    "export": "Export",
    "evaluate": "Evaluate",
    "help": "Help",
    "find": "Palette",
    "choose": "Choice of runs to compare",
    "jump": "Jump mode",
    "copy": "Copy",
    "launch": "Launch sheet of a recipe",
    "confirm": "Confirmation",
    "preferences": "Preferences",
    "prompt": "Text input",
    "notice": "Notice",
}

MODAL = frozenset(
    {
        "choose",
        "confirm",
        "copy",
        "evaluate",
        "export",
        "find",
        "help",
        "jump",
        "launch",
        "notice",
        "overlay",
        "preferences",
        "prompt",
    }
)
"""Contexts of dialogs, where the keys of ``app`` do not apply."""
RESERVED = frozenset({"up", "down", "k", "j", "pageup", "pagedown", "home", "end", "ctrl+c"})
"""Keys that lists and tables use, and the one that shows how to quit."""
TEXT_CONTEXTS = frozenset({"form"})
"""Contexts where a field always has the focus, so that printable keys are text."""
UNRELIABLE = {
    "ctrl+a": "screen uses it",
    "ctrl+b": "tmux uses it",
    "ctrl+q": "terminals and screen may take it for flow control",
    "ctrl+s": "terminals and screen may take it for flow control",
}
"""Keys that may not reach the app, and why."""
ALIASES = {"ctrl+h": "backspace", "ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape"}
"""Keys that terminals send as another key."""


@dataclass(frozen=True)
class Key:
    """One entry of the table.

    ``id`` is stable: users' key maps refer to it. ``keys`` are Textual's key names, separated by commas. ``rank``
    orders the key bar; keys with rank 0 are not in it. ``palette``: whether it is a command of its own, not one
    that closes or cancels; ``priority``: whether it works before the focused widget sees the key.
    """

    id: str
    keys: str
    action: str
    label: str
    help: str
    rank: int = 0
    palette: bool = True
    priority: bool = False

    @property
    def context(self) -> str:
        return self.id.partition(".")[0]

    @property
    def display(self) -> str:
        """The first of the keys, as it is shown."""
        return display_name(self.keys.split(",")[0])

    @property
    def display_all(self) -> str:
        return " ".join(display_name(key) for key in self.keys.split(","))


_NAMES = {
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "tab": "Tab",
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "delete": "Del",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "comma": ",",
    "colon": ":",
    "full_stop": ".",
    "less_than_sign": "<",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "number_sign": "#",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "greater_than_sign": ">",
    "vertical_line": "|",
    "percent_sign": "%",
    "tilde": "~",
    "asterisk": "*",
    "exclamation_mark": "!",
}


_KEY_NAMES = {display: key for key, display in _NAMES.items()} | {"Escape": "escape", "'": "apostrophe"}


def display_name(key: str) -> str:
    """Return a Textual key name as it is shown: ``ctrl+s`` is ``^S``, ``slash`` is ``/``."""
    if key.startswith("ctrl+"):
        return "^" + display_name(key[5:])
    if key.startswith("shift+"):
        return "⇧" + display_name(key[6:])
    return _NAMES.get(key, key.upper() if len(key) > 1 and key[0] == "f" and key[1:].isdigit() else key)


_CHARTING = (
    ("log_y", "y", "log_y", "Log y", "switch between a linear and a logarithmic y axis"),
    ("axis", "a", "axis", "X axis", "change the x axis: step, epoch, time or images"),
    (
        "axis_metric",
        "X",
        "axis_metric",
        "X by metric",
        "use a logged metric as the x axis, such as lr or grad_norm",
    ),
    ("smooth", "w", "smooth", "Smooth", "change the smoothing of the curves"),
    ("smooth_kind", "W", "smooth_kind", "Smoothing kind", "switch between exponential and windowed averages"),
    ("clip", "percent_sign", "clip", "Outliers", "show or hide the few values that would flatten a curve"),
    ("next_metrics", "m", "metrics(1)", "Next page", "show the next page of charts"),
    ("previous_metrics", "M", "metrics(-1)", "Previous page", "show the previous page of charts"),
    ("right", "right", "sideways(1)", "Right", "move right: cursor, zoomed axis, charts, pictures or text"),
    ("left", "left", "sideways(-1)", "Left", "move left: cursor, zoomed axis, charts, pictures or text"),
    ("stride", "shift+right", "stride(1)", "Cursor right", "move the cursor ten columns to the right"),
    ("stride_back", "shift+left", "stride(-1)", "Cursor left", "move the cursor ten columns to the left"),
    ("cursor", "vertical_line", "cursor", "Cursor", "show or hide a cursor with the values of every curve"),
    ("zoom_in", "plus,equals_sign", "zoom_x(1)", "Zoom in", "halve the range of the x axis, on every chart"),
    ("zoom_out", "minus", "zoom_x(-1)", "Zoom out", "double the range of the x axis, on every chart"),
    ("pan_left", "comma", "pan(-1)", "Pan left", "move the zoomed range to the left"),
    ("pan_right", "full_stop", "pan(1)", "Pan right", "move the zoomed range to the right"),
    ("whole", "0", "whole", "Whole x axis", "undo the zoom"),
    ("next_chart", "tab", "chart(1)", "Next chart", "move the focus to the next chart or pane"),
    (
        "previous_chart",
        "shift+tab",
        "chart(-1)",
        "Previous chart",
        "move the focus to the previous chart or pane",
    ),
    ("maximise", "enter", "maximise", "Enlarge", "show the chart or pane in focus alone, or all again"),
    ("columns_more", "greater_than_sign", "columns(1)", "More columns", "add a column of charts, up to 9"),
    ("columns_fewer", "less_than_sign", "columns(-1)", "Fewer columns", "remove a column of charts"),
    ("rows_more", "right_curly_bracket", "rows(1)", "More rows", "add a row of charts, up to 9"),
    ("rows_fewer", "left_curly_bracket", "rows(-1)", "Fewer rows", "remove a row of charts"),
    ("guides", "number_sign", "guides", "Guides", "switch between lines, dots and no guides at the y ticks"),
    ("hide", "H", "hide", "Hide chart", "hide the chart in focus in all runs of this family"),
    ("show_all", "U", "show_all", "Show hidden", "show the hidden charts again"),
)
_IN_BAR = ("maximise", "log_y", "axis", "smooth", "next_metrics", "cursor")


def _charting(context: str, rank: int) -> list[Key]:
    """Return the keys of a screen with charts. Some are in the key bar, with ranks from ``rank`` on."""
    ranks = {name: place for place, name in enumerate(_IN_BAR, rank)}
    return [
        Key(f"{context}.{name}", stroke, action, label, help_, ranks.get(name, 0))
        for name, stroke, action, label, help_ in _CHARTING
    ]


TABLE: tuple[Key, ...] = (
    # -- everywhere
    Key("app.home", "1,h", "go('home')", "Recipes", "open the menu of recipes", 0),
    Key("app.runs", "2,r", "go('runs')", "Runs", "open the list of runs", 0),
    Key(
        "app.leaderboard", "3,l", "go('leaderboard')", "Leaderboard", "compare scores with published figures", 0
    ),
    Key("app.view", "4,v", "view", "View run", "open the run that is training, or the newest", 0),
    Key("app.machine", "5", "go('machine')", "Machine", "show GPUs, processor, memory, disk and the queue", 0),
    Key("app.compare", "C", "compare", "Compare", "compare two to eight runs side by side", 0),
    Key("app.export", "x", "export", "Export", "write the table of results to a file", 80),
    Key("app.help", "question_mark,f1", "help", "Help", "show this help", 99),
    Key(
        "app.palette",
        "ctrl+p",
        "find",
        "Find",
        "find a command, recipe, run, setting or metric",
        0,
        False,
        True,
    ),
    Key("app.find", "colon", "find", "Find", "the same, where no text is typed", 0, False),
    Key("app.copy", "Y", "copy", "Copy", "copy the id, command line or path of this run", 0),
    Key("app.theme", "ctrl+t", "theme", "Theme", "change the theme: dark, light or monochrome", 0),
    Key(
        "app.preferences",
        "f10",
        "preferences",
        "Preferences",
        "set colours, pictures, lines and the first screen",
        0,
    ),
    Key("app.tour", "f12", "tour", "Tour", "show the introduction of the first start", 0),
    Key("app.jump", "ctrl+o", "jump", "Jump", "go to anything on the screen by a letter", 0, True, True),
    Key("app.redraw", "ctrl+l", "redraw", "Redraw", "draw the whole screen again", 0),
    Key("app.quit", "q,ctrl+q", "quit", "Quit", "quit; training goes on", 98),
    # -- home
    Key(
        "home.train", "enter", "train", "Train…", "see what this recipe trains; Enter again starts it", 1, True
    ),
    Key("home.quick", "t", "quick", "Short run…", "the same, at its short test run; Enter starts it", 2),
    Key("home.edit", "e", "edit", "Edit & train", "change settings before training", 3),
    Key("home.filter", "slash", "filter", "Filter", "show only the recipes that match", 4),
    Key("home.preview", "p", "preview", "Preview", "switch between a larger preview and a longer list", 5),
    Key(
        "home.preview_down",
        "J,shift+down",
        "scroll_preview(1)",
        "Scroll down",
        "show the next page of the preview",
        0,
    ),
    Key(
        "home.preview_up",
        "K,shift+up",
        "scroll_preview(-1)",
        "Scroll up",
        "show the previous page of the preview",
        0,
    ),
    Key("home.best", "b", "best", "Best run", "open your best run of this recipe", 0),
    Key("home.undo", "u", "undo", "Undo delete", "restore the runs deleted last", 0),
    Key("home.back", "escape", "back", "Clear", "clear the filter", 0, False),
    # -- settings form
    Key("form.launch", "f5,ctrl+enter", "launch", "Train", "train with these settings", 1, True, True),
    Key("form.reset", "f4", "reset", "Reset field", "reset this field to the recipe's value", 2),
    Key(
        "form.quick",
        "f6",
        "quick",
        "Short run on/off",
        "switch between the full and the short test run",
        3,
    ),
    Key(
        "form.filter",
        "slash,ctrl+f",
        "filter",
        "Filter",
        "show only settings that match; a text takes / itself: Ctrl-F there",
        4,
    ),
    Key("form.back", "escape", "back", "Back", "clear the filter, or leave without training", 5, False),
    # -- runs
    Key("runs.open", "enter", "open", "Open", "open this run", 1),
    Key(
        "runs.filter",
        "slash",
        "filter",
        "Filter",
        "filter by words, status:done, optim.lr>=1e-3, fid<60, -tag:x",
        2,
    ),
    Key("runs.stop", "S", "stop", "Stop", "stop this run after saving a checkpoint, or stop its evaluation", 3),
    Key("runs.resume", "R", "resume", "Resume", "resume from the last checkpoint, or retry a failed run", 4),
    Key("runs.delete", "D,delete", "remove", "Delete", "move this run to the trash", 5),
    Key("runs.undo", "u", "undo", "Undo delete", "restore the runs deleted last", 0),
    Key(
        "runs.mark",
        "space",
        "mark",
        "Mark",
        "mark this run; stop, resume, delete and tags apply to all marked",
        6,
    ),
    Key("runs.mark_all", "asterisk", "mark_all", "Mark all", "mark all runs shown, or none", 0),
    Key("runs.sort", "o", "sort(1)", "Sort", "sort by the next column", 9),
    Key("runs.sort_back", "O", "sort(-1)", "Sort back", "sort by the previous column", 0),
    Key("runs.reverse", "exclamation_mark", "reverse", "Reverse", "reverse the order", 0),
    Key("runs.pane", "p", "pane", "Preview", "show or hide curves and samples of this run beside the list", 7),
    Key(
        "runs.part",
        "tab",
        "part",
        "Part",
        "show curves, samples or facts of the preview alone, or all again",
        0,
    ),
    Key("runs.fold", "f", "fold", "Fold", "show or hide the runs of this sweep", 0),
    Key("runs.columns", "c", "columns", "Columns", "choose settings, metrics and scores to show as columns", 0),
    Key("runs.tag", "T", "tag", "Tags", "add or remove tags", 10),
    Key("runs.note", "N", "note", "Notes", "write notes on this run", 11),
    Key("runs.rename", "f2", "rename", "Rename", "rename this run", 0),
    Key("runs.earlier", "K,shift+up", "reorder('up')", "Move up", "move this queued run up in the queue", 0),
    Key(
        "runs.later",
        "J,shift+down",
        "reorder('down')",
        "Move down",
        "move this queued run down in the queue",
        0,
    ),
    Key("runs.again", "e", "again", "Edit & train", "change this run's settings, then train anew", 7),
    Key("runs.evaluate", "E", "evaluate", "Evaluate", "queue an evaluation of its checkpoint", 8),
    Key(
        "runs.play",
        "P",
        "playground",
        "Playground",
        "sample from its checkpoints, or show a classifier's features",
        8,
    ),
    Key(
        "runs.overlay", "V", "overlay", "Overlay", "open this run with the marked runs drawn over its charts", 0
    ),
    Key("runs.import", "I", "import_runs", "Import", "import runs from wandb, TensorBoard, CSV or JSON", 0),
    Key("runs.back", "escape", "back", "Back", "clear the marks, then the filter", 0, False),
    # -- run view (its panes are named in the line of tabs, not again in the key bar)
    Key("run.charts", "c", "tab('charts')", "Charts", "show the charts", 0),
    Key("run.samples", "s", "tab('samples')", "Samples", "show the sample grids", 0),
    Key("run.scores", "Q", "tab('scores')", "Scores", "show scores with their protocols", 0),
    Key(
        "run.health",
        "i",
        "tab('health')",
        "Health",
        "show alarms with advice, health signals and the cost of scores",
        0,
    ),
    Key("run.log", "g", "tab('log')", "Log", "show the output of the trainer", 0),
    Key("run.settings", "o", "tab('settings')", "Settings", "show the recipe of this run", 0),
    Key("run.net", "t", "tab('net')", "Net", "show the architecture: layers, shapes, parameters", 0),
    Key("run.older", "left_square_bracket", "scrub(-1)", "Older", "show the previous picture of this kind", 1),
    Key("run.newer", "right_square_bracket", "scrub(1)", "Newer", "show the next picture of this kind", 2),
    Key("run.newest", "n", "newest", "Newest", "follow the newest picture, or the end of the log", 0),
    Key("run.strip", "p", "figure", "Figures", "show the sample grid and each figure in turn", 4),
    Key("run.kinds", "F", "kinds", "All figures", "show all kinds of pictures of one step, or a single one", 0),
    Key("run.play", "space", "play", "Play/pause", "play or pause an animation", 0),
    Key("run.real", "B", "real", "Real images", "show or hide training images beside the generated ones", 8),
    Key("run.zoom", "z", "zoom", "Zoom", "show the picture on the whole screen", 8),
    *_charting("run", 9),
    Key("run.heat", "d", "heat", "Heat map", "show many series as a heat map, one row each", 0),
    Key("run.overlay", "V", "overlay", "Overlay", "draw other runs over this one, and choose a baseline", 14),
    Key("run.machine", "L", "machine", "Machine", "show what the machine did during training, as charts", 0),
    Key("run.filter", "slash", "filter", "Filter", "filter charts or lines: words, val_*, loss|lr, -grad", 1),
    Key("run.below", "G", "below", "Log below", "show or hide the log below the charts", 0),
    Key("run.records", "ctrl+g", "records", "Records", "switch between the log and the records of events", 0),
    Key(
        "run.log_next",
        "J",
        "log_line(1)",
        "Next log line",
        "move to the next line of the log that has a step",
        0,
    ),
    Key(
        "run.log_back",
        "K",
        "log_line(-1)",
        "Prev. log line",
        "move to the previous line of the log that has a step",
        0,
    ),
    Key("run.log_one", "Z", "log_one", "Log y, one chart", "switch the y axis of the chart in focus only", 0),
    Key(
        "run.picture_wider",
        "left_parenthesis",
        "picture(1)",
        "Wider picture",
        "widen the picture beside the charts (or drag its border)",
        0,
    ),
    Key(
        "run.picture_narrower",
        "right_parenthesis",
        "picture(-1)",
        "Narrower picture",
        "narrow the picture beside the charts",
        0,
    ),
    Key("run.marks", "tilde", "marks", "Line style", "draw lines in braille, blocks or ASCII", 0),
    Key("run.stop", "S", "stop", "Stop", "stop this run after saving a checkpoint, or stop its evaluation", 15),
    Key("run.resume", "R", "resume", "Resume", "resume from the last checkpoint", 16),
    Key("run.evaluate", "E", "evaluate", "Evaluate", "queue an evaluation of its checkpoint", 18),
    Key(
        "run.playground",
        "P",
        "playground",
        "Playground",
        "sample from its checkpoints, or show a classifier's features",
        17,
    ),
    Key("run.again", "e", "again", "Edit & train", "change this run's settings, then train anew", 19),
    Key("run.delete", "D", "remove", "Delete", "move this run to the trash", 0),
    Key("run.tag", "T", "tag", "Tags", "add or remove tags", 0),
    Key("run.note", "N", "note", "Notes", "write notes on this run", 0),
    Key("run.rename", "f2", "rename", "Rename", "rename this run", 0),
    Key("run.back", "escape", "back", "Back", "return to the previous screen", 20, False),
    # -- full-screen picture
    Key("picture.older", "left_square_bracket,left", "scrub(-1)", "Older", "show the previous picture", 1),
    Key("picture.newer", "right_square_bracket,right", "scrub(1)", "Newer", "show the next picture", 2),
    Key("picture.newest", "n", "newest", "Newest", "follow the newest picture", 3),
    Key("picture.strip", "p", "figure", "Figures", "show the sample grid and each figure in turn", 4),
    Key("picture.play", "space", "play", "Play/pause", "play or pause an animation", 5),
    Key("picture.zoom", "z", "back", "Zoom", "return to the run", 0, False),
    Key("picture.back", "escape", "back", "Back", "return to the run", 6, False),
    # -- other runs over a run
    Key(
        "overlay.toggle",
        "enter,space",
        "lay",
        "Add/remove",
        "add this run to the overlay, or remove it",
        1,
        False,
    ),
    Key(
        "overlay.baseline",
        "b",
        "baseline",
        "Baseline",
        "compare the other runs with this one",
        2,
        False,
    ),
    Key("overlay.clear", "c", "clear", "Clear", "remove all runs but the baseline", 3, False),
    Key("overlay.back", "escape,V", "back", "Close", "return to the charts", 4, False),
    # -- playground
    Key("playground.draw", "enter,f5,ctrl+enter", "draw", "Draw", "draw samples with these options", 1),
    Key("playground.another", "n", "another", "New seed", "draw with another seed", 2),
    Key("playground.save", "s,f2", "save", "Save", "save the picture to the file named in the form", 3),
    Key("playground.reset", "f4", "reset", "Reset field", "reset this field to the recipe's value", 10),
    Key("playground.play", "space,f6", "play", "Play/pause", "play or pause an animation", 8),
    Key("playground.real", "B,f7", "real", "Real images", "show or hide training images beside the samples", 9),
    Key(
        "playground.real_down",
        "J,shift+down",
        "scroll_real(1)",
        "Scroll down",
        "scroll the training images down",
        0,
    ),
    Key("playground.real_up", "K,shift+up", "scroll_real(-1)", "Scroll up", "scroll the training images up", 0),
    Key("playground.older", "left_square_bracket", "scrub(-1)", "Older", "bring back what was drawn before", 5),
    Key("playground.newer", "right_square_bracket", "scrub(1)", "Newer", "go on to what was drawn after it", 0),
    Key("playground.beside", "b", "beside", "Two", "show the picture beside the one drawn before it", 7),
    Key("playground.zoom", "z", "zoom", "Zoom", "show the picture on the whole screen", 0),
    Key("playground.back", "escape", "back", "Stop/back", "stop drawing, then return to the run", 4, False),
    # -- playground of a classifier
    Key(
        "features.next",
        "p,tab",
        "figure",
        "Figures",
        "show the map by class, the map by domain or the confusion table",
        1,
    ),
    Key("features.back", "escape", "back", "Back", "return to the run", 2, False),
    # -- leaderboard
    Key("leaderboard.open", "enter", "open", "Open run", "open the run of this row", 1),
    Key(
        "leaderboard.samples", "s", "samples", "Samples", "show the run's samples at the step of this score", 2
    ),
    Key("leaderboard.mark", "space", "mark", "Mark", "mark this run for a comparison", 3),
    Key("leaderboard.filter", "slash", "filter", "Filter", "show only the rows that match", 5),
    Key(
        "leaderboard.against",
        "b",
        "against",
        "Against",
        "compare the row with the next run of its ranking below",
        4,
    ),
    Key(
        "leaderboard.seeds",
        "f",
        "seeds",
        "Fold",
        "show each run of several seeds, or their mean ± alone",
        6,
    ),
    Key("leaderboard.next", "right", "sideways(1)", "Next board", "show the next board", 0),
    Key("leaderboard.previous", "left", "sideways(-1)", "Previous board", "show the previous board", 0),
    Key("leaderboard.undo", "u", "undo", "Undo delete", "restore the runs deleted last", 0),
    Key("leaderboard.back", "escape", "back", "Back", "clear the marks, then the filter", 0, False),
    # -- runs side by side
    Key("compare.scores", "Q", "tab('scores')", "Scores", "show scores by protocol, and what the runs cost", 0),
    Key("compare.settings", "o", "tab('settings')", "Settings", "show the settings that differ", 0),
    Key("compare.samples", "s", "tab('samples')", "Samples", "show the pictures of one step side by side", 0),
    Key("compare.charts", "c", "tab('charts')", "Charts", "show the curves of all runs in the same charts", 0),
    Key(
        "compare.older",
        "left_square_bracket",
        "scrub(-1)",
        "Older",
        "show the pictures of the previous step",
        1,
    ),
    Key("compare.newer", "right_square_bracket", "scrub(1)", "Newer", "show the pictures of the next step", 2),
    Key("compare.newest", "n", "newest", "Newest", "follow the newest pictures", 0),
    Key("compare.baseline", "b", "baseline", "Baseline", "make the next run the baseline", 3),
    Key("compare.choose", "A", "choose", "Choose", "choose other runs to compare", 4),
    *_charting("compare", 5),
    Key("compare.back", "escape", "back", "Back", "return to the previous screen", 10, False),
    # -- machine
    Key("machine.open", "enter", "open", "Open run", "open the run of this line", 1),
    Key(
        "machine.charts",
        "c",
        "charts",
        "Charts",
        "switch between charts since this screen was opened and a table",
        2,
    ),
    Key("machine.filter", "slash", "filter", "Filter", "filter processes by name or number, charts by name", 3),
    Key("machine.order", "o", "order", "Order", "sort processes by use of the processor or of memory", 4),
    Key("machine.next", "m", "metrics(1)", "Next page", "show the next page of charts", 0),
    Key("machine.previous", "M", "metrics(-1)", "Previous page", "show the previous page of charts", 0),
    Key(
        "machine.faster",
        "plus,equals_sign",
        "pace(-1)",
        "Faster",
        "update more often, up to every half second",
        0,
    ),
    Key("machine.slower", "minus", "pace(1)", "Slower", "update less often", 0),
    Key("machine.undo", "u", "undo", "Undo delete", "restore the runs deleted last", 0),
    Key("machine.back", "escape", "back", "Back", "clear the filter, then close the charts", 0, False),
    # -- dialogs
    Key("copy.id", "i", "copy('id')", "Id", "copy the id of the run", 1, False),
    Key(
        "copy.command",
        "c",
        "copy('command')",
        "Command",
        "copy the command line that started the run, or drew these samples",
        2,
        False,
    ),
    Key("copy.path", "p", "copy('path')", "Path", "copy the path of the run's directory", 3, False),
    Key("copy.back", "escape,q,enter", "back", "Close", "close without copying", 4, False),
    Key("jump.back", "escape", "back", "Cancel", "cancel; a letter goes to its place", 1, False),
    Key("choose.mark", "space", "mark", "Mark", "mark or unmark this run", 1, False),
    Key("choose.compare", "enter,f5", "compare", "Compare", "compare the marked runs", 2, False),
    Key("choose.back", "escape", "back", "Cancel", "close without comparing", 3, False),
    Key("export.write", "f5,ctrl+enter", "write", "Write file", "write the table to this path", 1, False, True),
    Key("export.back", "escape", "back", "Cancel", "close without writing", 2, False),
    Key("evaluate.queue", "f5,ctrl+enter", "queue", "Evaluate", "queue the evaluation", 1, False, True),
    Key("evaluate.reset", "f4", "reset", "Reset field", "reset this field to the recipe's value", 2, False),
    Key("evaluate.back", "escape", "back", "Cancel", "close without evaluating", 3, False),
    Key("help.back", "escape,question_mark,f1,q", "back", "Close", "close the help", 1, False),
    Key(
        "preferences.next",
        "enter,right,space",
        "change(1)",
        "Next",
        "choose the next value of this line",
        1,
        False,
    ),
    Key(
        "preferences.previous",
        "left",
        "change(-1)",
        "Previous",
        "choose the previous value of this line",
        2,
        False,
    ),
    Key("preferences.back", "escape,f10,q", "back", "Close", "close; changes are saved at once", 3, False),
    Key("launch.start", "enter,f5", "start", "Start", "train as chosen", 1, False),
    Key("launch.edit", "e", "edit", "All settings", "open the form of all settings", 2, False),
    Key("launch.name", "n", "name", "Name", "name the run", 3, False),
    Key("launch.place", "o", "place", "Where", "train it at the next place of hosts.toml", 0, False),
    Key("launch.back", "escape", "back", "Not now", "close without training", 4, False),
    Key("find.choose", "enter", "choose", "Go", "go to what is under the cursor, or do it", 1, False, True),
    Key("find.back", "escape", "back", "Close", "close, and change nothing", 2, False),
    Key("confirm.yes", "enter,y", "yes", "Yes", "do what is asked", 1, False),
    Key("confirm.no", "escape,n", "no", "No", "cancel, and change nothing", 2, False),
    Key(
        "prompt.save",
        "f5,ctrl+enter",
        "save",
        "Save",
        "accept the text; Enter also accepts a single line",
        1,
        False,
        True,
    ),
    Key("prompt.back", "escape", "back", "Cancel", "cancel, and change nothing", 2, False),
    Key("notice.back", "escape,enter,q", "back", "Close", "close the notice", 1, False),
)

BY_ID = {key.id: key for key in TABLE}
_mapped: dict[str, str] = {}


def use_keymap(mapping: dict[str, str]) -> None:
    """Show the user's own keys (by id) in bars, help and palette from now on."""
    _mapped.clear()
    _mapped.update(mapping)


def as_mapped(key: Key) -> Key:
    """Return a key with the user's own keys in place of the default ones."""
    return replace(key, keys=_mapped[key.id]) if key.id in _mapped else key


def parse_key(word: str) -> str:
    """Return Textual's name of a key as users write it: ``?`` is question_mark, ``^S`` is ctrl+s."""
    word = word.strip()
    if len(word) > 1 and word[0] == "^":
        return "ctrl+" + parse_key(word[1:].lower())
    return _KEY_NAMES.get(word, word if len(word) == 1 else word.lower())


def is_printable(stroke: str) -> bool:
    """Return whether a key is a printable character, which a field takes as text."""
    name = _NAMES.get(stroke, stroke)
    return stroke == "space" or (len(name) == 1 and name.isascii())


def overlap(one: str, other: str) -> bool:
    """Return whether keys of both contexts apply at the same time."""
    return one == other or ("app" in (one, other) and not MODAL & {one, other})


def keys_of(context: str) -> list[Key]:
    """Return the keys of one context, in table order, as the user has them."""
    return [as_mapped(key) for key in TABLE if key.context == context]


def bindings(context: str) -> list[Binding]:
    """Return the Textual bindings of one context."""
    from textual.binding import Binding

    return [
        Binding(
            key.keys,
            key.action,
            key.label,
            show=key.rank > 0,
            priority=key.priority,
            id=key.id,
            tooltip=key.help,
        )
        for key in TABLE
        if key.context == context  # the default keys: Textual replaces them by the user's own
    ]


def bar_keys(context: str, modal: bool = False) -> list[Key]:
    """Return the keys of the key bar by rank: those of the screen and those of the app. Where text is typed,
    printable keys are left out."""
    keys = keys_of(context) + ([] if modal else keys_of("app"))
    if context in TEXT_CONTEXTS:
        left = [(key, [s for s in key.keys.split(",") if not is_printable(s)]) for key in keys]
        keys = [replace(key, keys=",".join(strokes)) for key, strokes in left if strokes]
    return sorted((key for key in keys if key.rank), key=lambda key: key.rank)
