"""The one table of keys. Bindings, the key bar, the help and the command palette are all made from it.

A key belongs to a context: ``app`` holds everywhere, the others on their screen. Within a screen's
context and ``app`` together no key may stand twice.
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
    "overlay": "Other runs over a run's charts",
    "leaderboard": "Leaderboard",
    "compare": "Runs side by side",
    "machine": "Machine",
    "export": "Export",
    "evaluate": "Evaluate",
    "help": "Help",
    "choose": "Which runs to compare",
    "jump": "Jump mode",
    "copy": "Copying",
    "confirm": "A question",
    "preferences": "Preferences",
    "prompt": "A question answered in writing",
    "notice": "A notice",
}

MODAL = frozenset(
    {
        "choose",
        "confirm",
        "copy",
        "evaluate",
        "export",
        "help",
        "jump",
        "notice",
        "overlay",
        "preferences",
        "prompt",
    }
)
"""Contexts of dialogs, where the keys of the whole app do not work."""
RESERVED = frozenset({"up", "down", "k", "j", "pageup", "pagedown", "home", "end", "ctrl+c"})
"""Keys that lists take for themselves, and the one that tells how to quit."""
TEXT_CONTEXTS = frozenset({"form", "playground"})
"""Screens where a field has the focus all the time: a printable key is text there."""
UNRELIABLE = {
    "ctrl+a": "screen keeps it for itself",
    "ctrl+b": "tmux keeps it for itself",
    "ctrl+q": "terminals and screen may take it as leave to go on",
    "ctrl+s": "terminals and screen may stop at it",
}
"""Keys that may never arrive, and why."""
ALIASES = {"ctrl+h": "backspace", "ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape"}
"""Keys that terminals send as another."""


@dataclass(frozen=True)
class Key:
    """``id`` is stable, for key maps; ``rank`` orders the key bar, 0 keeps a key out of it."""

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
        """How the first of the keys is written."""
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
    "full_stop": ".",
    "less_than_sign": "<",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "number_sign": "#",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "greater_than_sign": ">",
}


_CALLED = {shown: key for key, shown in _NAMES.items()} | {"Escape": "escape", "'": "apostrophe"}


def display_name(key: str) -> str:
    """A Textual key name as people write it."""
    if key.startswith("ctrl+"):
        return "^" + display_name(key[5:])
    if key.startswith("shift+"):
        return "⇧" + display_name(key[6:])
    return _NAMES.get(key, key.upper() if len(key) > 1 and key[0] == "f" and key[1:].isdigit() else key)


_CHARTING = (
    ("log_y", "y", "log_y", "Log y", "logarithmic or linear y axis"),
    ("axis", "a", "axis", "X axis", "x by step, epoch, time or images"),
    ("axis_metric", "X", "axis_metric", "X by metric", "x by any metric that is logged: lr, grad_norm"),
    ("smooth", "w", "smooth", "Smooth", "how much the curves are smoothed"),
    ("smooth_kind", "W", "smooth_kind", "Smoothing kind", "exponential average, or a window's mean"),
    ("clip", "u", "clip", "Outliers", "y axis of all values, or of where most of them lie"),
    ("next_metrics", "m", "metrics(1)", "Metrics", "the next charts"),
    ("previous_metrics", "M", "metrics(-1)", "Metrics back", "the charts before"),
    ("right", "right", "sideways(1)", "Right", "cursor, zoomed axis or charts; picture; text; runs: on"),
    ("left", "left", "sideways(-1)", "Left", "cursor, zoomed axis or charts; picture; text; runs: back"),
    ("stride", "shift+right", "stride(1)", "Far right", "the cursor ten columns on"),
    ("stride_back", "shift+left", "stride(-1)", "Far left", "the cursor ten columns back"),
    ("cursor", "V", "cursor", "Values", "a cursor that tells the values of every curve"),
    ("zoom_in", "plus,equals_sign", "zoom_x(1)", "Zoom in", "half as much of the x axis, on every chart"),
    ("zoom_out", "minus", "zoom_x(-1)", "Zoom out", "twice as much of the x axis, on every chart"),
    ("pan_left", "comma", "pan(-1)", "Pan left", "move what is zoomed to the left"),
    ("pan_right", "full_stop", "pan(1)", "Pan right", "move what is zoomed to the right"),
    ("whole", "0", "whole", "Whole x axis", "undo the zoom"),
    ("next_chart", "tab", "chart(1)", "Next chart", "the focus on the next chart"),
    ("previous_chart", "shift+tab", "chart(-1)", "Previous chart", "the focus on the chart before"),
    ("maximise", "enter", "maximise", "One chart", "the chart in focus alone, or all again"),
    ("columns_more", "greater_than_sign", "columns(1)", "More columns", "a column of charts more, up to 9"),
    ("columns_fewer", "less_than_sign", "columns(-1)", "Fewer columns", "a column of charts less"),
    ("rows_more", "right_curly_bracket", "rows(1)", "More rows", "a row of charts more, up to 9"),
    ("rows_fewer", "left_curly_bracket", "rows(-1)", "Fewer rows", "a row of charts less"),
    ("guides", "number_sign", "guides", "Guides", "lines or dots across the charts, or none"),
    ("hide", "H", "hide", "Hide chart", "hide the chart in focus, in this family's runs"),
    ("show_all", "U", "show_all", "Show hidden", "show every chart again"),
)
_IN_BAR = ("log_y", "axis", "smooth", "next_metrics", "cursor")


def _charting(context: str, rank: int) -> list[Key]:
    """The keys of a screen with charts; some are in the key bar, from ``rank`` on."""
    ranks = {name: place for place, name in enumerate(_IN_BAR, rank)}
    return [
        Key(f"{context}.{name}", stroke, action, label, told, ranks.get(name, 0))
        for name, stroke, action, label, told in _CHARTING
    ]


TABLE: tuple[Key, ...] = (
    # -- everywhere
    Key("app.home", "1,h", "go('home')", "Home", "the recipe menu", 0),
    Key("app.runs", "2,r", "go('runs')", "Runs", "every run, live", 0),
    Key("app.leaderboard", "3,l", "go('leaderboard')", "Leaderboard", "scores beside the published figures", 0),
    Key("app.view", "4,v", "view", "View run", "the run that is training, or the newest", 0),
    Key("app.machine", "5", "go('machine')", "Machine", "GPUs, processor, memory, disk, and the queue", 0),
    Key("app.compare", "C", "compare", "Compare", "runs side by side: choose two to eight", 0),
    Key("app.export", "x", "export", "Export", "write the results table to a file", 80),
    Key("app.help", "question_mark,f1", "help", "Help", "these pages", 99),
    Key("app.palette", "ctrl+p", "command_palette", "Commands", "find any command by its name", 0, False, True),
    Key("app.copy", "Y", "copy", "Copy", "id, command line or path of this run", 0),
    Key("app.theme", "ctrl+t", "theme", "Theme", "dark, light or monochrome; remembered", 0),
    Key("app.preferences", "f10", "preferences", "Preferences", "colours, pictures, lines, where it begins", 0),
    Key("app.tour", "f12", "tour", "Tour", "the five lines of the first start", 0),
    Key("app.jump", "ctrl+o", "jump", "Jump", "a letter on everything that can be chosen", 0, True, True),
    Key("app.redraw", "ctrl+l", "redraw", "Redraw", "paint the whole screen again", 0),
    Key("app.quit", "q,ctrl+q", "quit", "Quit", "leave; training goes on", 98),
    # -- home
    Key("home.train", "enter", "train", "Train", "train this recipe now, with its settings", 1, True),
    Key("home.quick", "t", "quick", "Quick", "train a version that ends within a minute", 2),
    Key("home.edit", "e", "edit", "Settings", "change settings before training", 3),
    Key("home.filter", "slash", "filter", "Filter", "show the recipes whose words match", 4),
    Key("home.preview", "p", "preview", "Preview", "more of the preview, or of the list", 5),
    Key("home.preview_down", "J,shift+down", "scroll_preview(1)", "Preview down", "the preview's next page", 0),
    Key("home.preview_up", "K,shift+up", "scroll_preview(-1)", "Preview up", "the preview's page before", 0),
    Key("home.best", "b", "best", "Best run", "open your best run of this recipe", 0),
    Key("home.back", "escape", "back", "Clear", "clear the filter", 0, False),
    # -- settings form
    Key("form.launch", "f5,ctrl+enter", "launch", "Train", "train with these settings", 1, True, True),
    Key("form.reset", "f4", "reset", "Reset field", "put the recipe's own value back in this field", 2),
    Key("form.quick", "f6", "quick", "Quick on/off", "start from the recipe's quick settings instead", 3),
    Key("form.back", "escape", "back", "Back", "leave without training", 4, False),
    # -- runs
    Key("runs.open", "enter", "open", "Open", "open this run", 1),
    Key("runs.filter", "slash", "filter", "Filter", "words, status:done, optim.lr>=1e-3, fid<60, -tag:x", 2),
    Key("runs.stop", "S", "stop", "Stop", "stop this run, which saves a checkpoint, or its scoring", 3),
    Key("runs.resume", "R", "resume", "Resume", "go on from the last checkpoint; try a failed run again", 4),
    Key("runs.delete", "D,delete", "remove", "Delete", "move this run to the trash", 5),
    Key("runs.undo", "u", "undo", "Undo delete", "bring back what was deleted last", 0),
    Key(
        "runs.mark", "space", "mark", "Mark", "mark this run: stop, resume, delete, tags are for all marked", 6
    ),
    Key("runs.mark_all", "a", "mark_all", "Mark all", "mark every run shown, or none of them", 0),
    Key("runs.sort", "o", "sort(1)", "Sort", "sort by the next column", 9),
    Key("runs.sort_back", "O", "sort(-1)", "Sort back", "sort by the column before", 0),
    Key("runs.reverse", "i", "reverse", "Reverse", "the greatest first, or the least", 0),
    Key("runs.columns", "c", "columns", "Columns", "which settings, metrics and scores have a column", 0),
    Key("runs.tag", "T", "tag", "Tags", "add tags and take tags away", 10),
    Key("runs.note", "N", "note", "Notes", "write down what you think of this run", 11),
    Key("runs.rename", "f2", "rename", "Rename", "call this run something else", 0),
    Key(
        "runs.earlier", "K,shift+up", "reorder('up')", "Earlier", "take this queued run before its neighbour", 0
    ),
    Key(
        "runs.later", "J,shift+down", "reorder('down')", "Later", "take this queued run after its neighbour", 0
    ),
    Key("runs.again", "e", "again", "Edit & rerun", "open the settings form with this run's settings", 7),
    Key("runs.evaluate", "E", "evaluate", "Evaluate", "score its checkpoint: a job in the queue", 8),
    Key("runs.play", "P", "playground", "Playground", "draw from its checkpoints; a classifier's features", 8),
    Key("runs.overlay", "V", "overlay", "Curves", "open this run, the marked ones laid over its charts", 0),
    Key("runs.import", "I", "import_runs", "Import", "runs of other scripts: wandb, TensorBoard, CSV, JSON", 0),
    Key("runs.back", "escape", "back", "Back", "clear the marks, then the filter, then go home", 0, False),
    # -- run view (its panes are named in the line of tabs, not again in the key bar)
    Key("run.charts", "c", "tab('charts')", "Charts", "the curves", 0),
    Key("run.samples", "s", "tab('samples')", "Samples", "the sample grids", 0),
    Key("run.scores", "e", "tab('scores')", "Scores", "scores with their protocols", 0),
    Key("run.health", "i", "tab('health')", "Health", "alarms with what to try, signals, what scores cost", 0),
    Key("run.log", "g", "tab('log')", "Log", "what the trainer printed", 0),
    Key("run.settings", "o", "tab('settings')", "Settings", "the recipe of this run", 0),
    Key("run.net", "t", "tab('net')", "Net", "the architecture: layers, shapes, parameters", 0),
    Key("run.older", "left_square_bracket", "scrub(-1)", "Older", "the picture of its name before this one", 1),
    Key("run.newer", "right_square_bracket", "scrub(1)", "Newer", "the picture of its name after this one", 2),
    Key("run.newest", "n", "newest", "Newest", "follow the newest picture, or the log's end", 0),
    Key("run.strip", "p", "figure", "Figures", "the sample grid, then each figure in turn", 4),
    Key("run.kinds", "F", "kinds", "All figures", "every kind of picture at once, as of one step; or one", 0),
    Key("run.play", "f", "play", "Play/pause", "let an animation play, or stand still", 0),
    Key("run.real", "B", "real", "Real images", "training images beside the generated ones, or not", 0),
    Key("run.zoom", "z", "zoom", "Zoom", "the picture on the whole screen", 8),
    *_charting("run", 9),
    Key("run.heat", "d", "heat", "Heat map", "many series at once: a row each, in shades", 0),
    Key("run.overlay", "O", "overlay", "Other runs", "lay other runs over this one; pin a baseline", 14),
    Key("run.machine", "L", "machine", "Machine", "what the machine did while it trained, as charts", 0),
    Key("run.filter", "slash", "filter", "Filter", "charts, lines: words, val_*, loss|lr, -grad", 0),
    Key("run.below", "G", "below", "Log below", "the log beneath the charts, or not", 0),
    Key("run.records", "I", "records", "Records", "the records of the run in the log's place, or the log", 0),
    Key(
        "run.log_next",
        "J",
        "log_line(1)",
        "Log line on",
        "the log's next line with a step; the cursor goes there",
        0,
    ),
    Key("run.log_back", "K", "log_line(-1)", "Log line back", "the line before; the cursor goes there", 0),
    Key("run.log_one", "Z", "log_one", "Log y of one", "the y axis of the chart in focus alone", 0),
    Key(
        "run.picture_wider",
        "left_parenthesis",
        "picture(1)",
        "Wider picture",
        "beside the charts; or drag its border",
        0,
    ),
    Key(
        "run.picture_narrower",
        "right_parenthesis",
        "picture(-1)",
        "Narrower picture",
        "more room for the charts",
        0,
    ),
    Key("run.marks", "b", "marks", "Line style", "lines of braille, blocks or ASCII", 0),
    Key("run.stop", "S", "stop", "Stop", "stop this run, which saves a checkpoint, or its scoring", 15),
    Key("run.resume", "R", "resume", "Resume", "go on from the last checkpoint", 16),
    Key("run.evaluate", "E", "evaluate", "Evaluate", "score its checkpoint: a job in the queue", 17),
    Key(
        "run.playground",
        "P",
        "playground",
        "Playground",
        "draw from its checkpoints; a classifier's features",
        5,
    ),
    Key("run.again", "A", "again", "Edit & rerun", "open the settings form with this run's settings", 0),
    Key("run.delete", "D", "remove", "Delete", "move this run to the trash", 0),
    Key("run.tag", "T", "tag", "Tags", "add tags and take tags away", 0),
    Key("run.note", "N", "note", "Notes", "write down what you think of this run", 0),
    Key("run.rename", "f2", "rename", "Rename", "call this run something else", 0),
    Key("run.back", "escape", "back", "Back", "back to where you came from", 3, False),
    # -- full-screen picture
    Key("picture.older", "left_square_bracket,left", "scrub(-1)", "Older", "the picture before this one", 1),
    Key("picture.newer", "right_square_bracket,right", "scrub(1)", "Newer", "the picture after this one", 2),
    Key("picture.newest", "n", "newest", "Newest", "follow the newest", 3),
    Key("picture.strip", "p", "figure", "Figures", "the sample grid, then each figure in turn", 4),
    Key("picture.play", "f,space", "play", "Play/pause", "let an animation play, or stand still", 5),
    Key("picture.back", "escape,z", "back", "Back", "back to the run", 6, False),
    # -- other runs over a run
    Key("overlay.toggle", "enter,space", "lay", "Lay over", "lay this run over, or take it away", 1, False),
    Key(
        "overlay.baseline",
        "b",
        "baseline",
        "Baseline",
        "pin this run: the others are told against it",
        2,
        False,
    ),
    Key("overlay.clear", "c", "clear", "Clear", "take every run away but the baseline", 3, False),
    Key("overlay.back", "escape,O", "back", "Close", "back to the charts", 4, False),
    # -- playground
    Key("playground.draw", "f5,ctrl+enter", "draw", "Draw", "draw what the fields ask for", 1, True, True),
    Key("playground.save", "f2", "save", "Save", "write the picture to the file named in the form", 2),
    Key("playground.copy", "f3", "copy", "Copy command", "copy the command line that draws the same", 3),
    Key("playground.reset", "f4", "reset", "Reset field", "put the recipe's own value back in this field", 5),
    Key("playground.play", "f6", "play", "Play/pause", "let an animation play, or stand still", 6),
    Key("playground.real", "f7", "real", "Real images", "training images beside those drawn, or not", 7),
    Key("playground.back", "escape", "back", "Stop/back", "stop drawing; then back to the run", 4, False),
    # -- playground of a classifier
    Key("features.next", "p,tab", "figure", "Next figure", "map by class, map by domain, confusion table", 1),
    Key("features.back", "escape", "back", "Back", "back to the run", 2, False),
    # -- leaderboard
    Key("leaderboard.open", "enter", "open", "Open run", "open the run of this row", 1),
    Key("leaderboard.samples", "s", "samples", "Samples", "the run's samples at the step of this score", 2),
    Key("leaderboard.filter", "slash", "filter", "Filter", "show the rows whose words match", 3),
    Key("leaderboard.back", "escape", "back", "Back", "clear the filter, then go home", 0, False),
    # -- runs side by side
    Key("compare.scores", "e", "tab('scores')", "Scores", "scores by protocol, and what the runs cost", 0),
    Key("compare.settings", "o", "tab('settings')", "Settings", "the settings that differ", 0),
    Key("compare.samples", "s", "tab('samples')", "Samples", "the pictures of one step, side by side", 0),
    Key("compare.charts", "c", "tab('charts')", "Charts", "their curves over one another", 0),
    Key("compare.older", "left_square_bracket", "scrub(-1)", "Older", "the pictures of the step before", 1),
    Key("compare.newer", "right_square_bracket", "scrub(1)", "Newer", "the pictures of the step after", 2),
    Key("compare.newest", "n", "newest", "Newest", "follow the newest pictures", 0),
    Key("compare.baseline", "b", "baseline", "Baseline", "measure the others by the next run", 3),
    Key("compare.choose", "A", "choose", "Choose", "other runs to compare", 4),
    *_charting("compare", 5),
    Key("compare.back", "escape", "back", "Back", "back to where you came from", 10, False),
    # -- machine
    Key("machine.open", "enter", "open", "Open run", "open the run of this line", 1),
    Key("machine.charts", "c", "charts", "Charts", "as charts since it was first looked at, or as lines", 2),
    Key("machine.filter", "slash", "filter", "Filter", "processes by name or number, charts by name", 3),
    Key("machine.order", "o", "order", "Order", "processes by use of the processor, or of memory", 4),
    Key("machine.next", "m", "metrics(1)", "Metrics", "the next charts", 0),
    Key("machine.previous", "M", "metrics(-1)", "Metrics back", "the charts before", 0),
    Key(
        "machine.faster",
        "plus,equals_sign",
        "pace(-1)",
        "Faster",
        "look more often, every half second at most",
        0,
    ),
    Key("machine.slower", "minus", "pace(1)", "Slower", "look less often", 0),
    Key("machine.back", "escape", "back", "Back", "go home", 0, False),
    # -- dialogs
    Key("copy.id", "i", "copy('id')", "Id", "copy the run's id", 1, False),
    Key("copy.command", "c", "copy('command')", "Command", "copy the command line that began it", 2, False),
    Key("copy.path", "p", "copy('path')", "Path", "copy the path of its directory", 3, False),
    Key("copy.back", "escape,q,enter", "back", "Close", "close", 4, False),
    Key("jump.back", "escape", "back", "Cancel", "stay where you are; a letter goes to its place", 1, False),
    Key("choose.mark", "space", "mark", "Mark", "mark this run, or not any more", 1, False),
    Key("choose.compare", "enter,f5", "compare", "Compare", "compare the runs marked", 2, False),
    Key("choose.back", "escape", "back", "Cancel", "close without comparing", 3, False),
    Key("export.write", "f5,ctrl+enter", "write", "Write file", "write the table to the path", 1, False, True),
    Key("export.back", "escape", "back", "Cancel", "close without writing", 2, False),
    Key("evaluate.queue", "f5,ctrl+enter", "queue", "Evaluate", "put it into the queue", 1, False, True),
    Key(
        "evaluate.reset", "f4", "reset", "Reset field", "the recipe's own value back into this field", 2, False
    ),
    Key("evaluate.back", "escape", "back", "Cancel", "close without scoring", 3, False),
    Key("help.back", "escape,question_mark,f1,q", "back", "Close", "close the help", 1, False),
    Key("preferences.next", "enter,right,space", "change(1)", "Next", "the next choice of this line", 1, False),
    Key("preferences.previous", "left", "change(-1)", "Previous", "the choice before", 2, False),
    Key("preferences.back", "escape,f10,q", "back", "Close", "close; everything is kept", 3, False),
    Key("confirm.yes", "y", "yes", "Yes", "do it", 1, False),
    Key("confirm.no", "n,escape", "no", "No", "leave everything as it is", 2, False),
    Key(
        "prompt.save",
        "f5,ctrl+enter",
        "save",
        "Save",
        "take what is written; Enter does too in one line",
        1,
        False,
        True,
    ),
    Key("prompt.back", "escape", "back", "Cancel", "leave everything as it is", 2, False),
    Key("notice.back", "escape,enter,q", "back", "Close", "close the notice", 1, False),
)

BY_ID = {key.id: key for key in TABLE}
_mapped: dict[str, str] = {}


def use_keymap(mapping: dict[str, str]) -> None:
    """From now on bars, help and palette show a person's own keys, by id."""
    _mapped.clear()
    _mapped.update(mapping)


def as_mapped(key: Key) -> Key:
    """The key as the person has it."""
    return replace(key, keys=_mapped[key.id]) if key.id in _mapped else key


def parse_key(word: str) -> str:
    """Textual's name of a key as people write it: ``?`` is question_mark, ``^S`` ctrl+s."""
    word = word.strip()
    if len(word) > 1 and word[0] == "^":
        return "ctrl+" + parse_key(word[1:].lower())
    return _CALLED.get(word, word if len(word) == 1 else word.lower())


def is_printable(stroke: str) -> bool:
    """Whether a key is a character, which a field takes as text."""
    name = _NAMES.get(stroke, stroke)
    return stroke == "space" or (len(name) == 1 and name.isascii())


def overlap(one: str, other: str) -> bool:
    """Whether keys of both contexts work at the same time."""
    return one == other or ("app" in (one, other) and not MODAL & {one, other})


def keys_of(context: str) -> list[Key]:
    """The keys of one context, in table order."""
    return [as_mapped(key) for key in TABLE if key.context == context]


def bindings(context: str) -> list[Binding]:
    """Textual bindings of one context."""
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
        if key.context == context  # as they are by themselves: Textual puts a person's own in their place
    ]


def bar_keys(context: str, modal: bool = False) -> list[Key]:
    """What the key bar offers: the screen's keys, then those of the whole app, by rank; of these where text is typed
    only what is no text."""
    everywhere = [] if modal else keys_of("app")
    if context in TEXT_CONTEXTS:
        left = [(key, [s for s in key.keys.split(",") if not is_printable(s)]) for key in everywhere]
        everywhere = [replace(key, keys=",".join(strokes)) for key, strokes in left if strokes]
    return sorted((key for key in keys_of(context) + everywhere if key.rank), key=lambda key: key.rank)
