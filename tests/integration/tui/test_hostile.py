"""Names, recipes, logs and paths that try to act on the terminal reach it as harmless text."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys

import pytest

from engine.runs.directory import RunDir
from gentui.text.sanitize import clean
from gentui.tui.widgets.picture_grid import picture_path
from tests.support.emulator import ENV
from tests.support.hostile import LONE, SALAM, SHALOM, Hostile, acts_of, is_harmless
from tests.support.hostile import NASTY as ALL_OF_IT
from tests.support.terminal import Terminal
from tests.support.textual_private import screen_strips

NASTY = "\x1b]52;c;b3duZWQ=\x07[/bold]\u202eevil\ud800\x1b[2J[@click=app.quit]x[/]"


def spoil(run: RunDir) -> None:
    run.update_info(name=NASTY, title=NASTY, dataset="digits", recipe="digits-unet")
    run.log_path.write_bytes(
        NASTY.encode("utf-8", "surrogatepass")
        + b"\n"
        + b"\xff\xfe"
        + b"A" * 300_000
        + b"\r 10%\r 20%\n[/] [bold\n"
    )
    (run.path / "architecture.txt").write_text(f"{NASTY.replace(chr(0xD800), '')}\n\x1b]0;t\x07\n", "utf-8")
    run.recipe_path.write_text('summary = "[/red] \\u202e"\n# \x1b]0;title\x07\n', "utf-8")


@pytest.mark.parametrize(
    "place",
    [
        ["2"],
        ["4", "c"],
        ["4", "s"],
        ["4", "s", "p"],
        ["4", "Q"],
        ["4", "i"],
        ["4", "g"],
        ["4", "o"],
        ["4", "t"],
        ["3"],
    ],
    ids="".join,
)
async def test_nothing_untrusted_acts(desk, each_size, runs, place):
    run = runs.make(status="failed", reason=NASTY, fid=9.0, alerts=0)
    spoil(run)
    runs.event(run, "alert", 300, severity=NASTY, name="x", sentence=NASTY, cause=NASTY, remedy="[/]")
    runs.event(run, "sample", 300, path="../../../etc/passwd", rows=1, columns=1, caption=NASTY)
    runs.event(run, "figure", 300, name=NASTY, path="figures/x.gif", caption=NASTY)
    runs.event(run, "metrics", 301, values={NASTY: 1.0, "loss": 0.2})
    runs.event(
        run, "evaluation", 301, metric=f"m{NASTY}", value=3.0, lower_is_better=True, protocol=NASTY,
        protocol_id="ffffffff", protocol_detail={}, floor=None, seconds=1.0, best=True,
    )  # fmt: skip
    async with desk(each_size) as d:
        for stroke in place:
            await d.press(stroke)
            await d.until(lambda: type(d.app.screen).__name__ != "HomeScreen")
        await d.settle()
        await d.sees({"2": "✗ failed", "3": "FD in digits-cnn"}.get(place[0], "Charts"))
        for strip in screen_strips(d.app):
            for segment in strip:
                assert segment.control is None or not segment.control
                assert not set(segment.text) & set("\x1b\x07\x9b\u202e\n\r")
                segment.text.encode("utf-8")
        assert d.app.is_running


@pytest.mark.parametrize(
    "path", ["../../../etc/passwd", "/etc/passwd", "samples/../../x.png", "samples/link/x.png", "\0"]
)
def test_a_picture_outside_the_run_is_not_opened(runs, path):
    run = runs.make(samples=0)
    (run.path / "samples" / "link").symlink_to("/etc")
    assert picture_path(run.path, path).resolve().is_relative_to(run.path.resolve())


class Patient(Terminal):
    """Waits after each key until nothing more is written, and keeps which key what was written after."""

    @property
    def text(self) -> str:  # pyte's own fails at marks on a cell it knows nothing of
        cells = range(self.screen.columns)
        return "\n".join(
            "".join(self.screen.buffer[y][x].data for x in cells) for y in range(self.screen.lines)
        )

    def visit(self, keys: str, *words: str) -> None:
        before = self.bytes
        self.press(keys)
        if keys == ESC:  # too soon after it, the next key would be one with Alt
            self.until(lambda: self.bytes > before)
        self.read(0.1)
        try:
            gone = [word.removeprefix("!") for word in words if word[0] == "!"]
            self.sees(*(word for word in words if word[0] != "!"))
            self.until(lambda: not any(word in self.text for word in gone))
        except AssertionError as error:
            error.add_note(f"it is without {words}, after {keys!r}")
            raise
        self.until(lambda: self.read(0.1) == 0)


UP, DOWN, ESC, F2, F5, F10 = "\x1b[A", "\x1b[B", "\x1b", "\x1bOQ", "\x1b[15~", "\x1b[21~"
PASTED = '\x1b[200~x\x1b]52;c;b3duZWQ=\x07\u202e\x9b2J,"[/]👩\u200d👧\x1b[201~'
TOUR = [
    ("/host", "hostile"), ("\r", "▸ hostile"), ("p", ""), ("p", ""), ("p", ""), ("e", "digits"),
    (DOWN * 47, ""), (ESC, ""), (ESC, "hostile"), ("/digits-u", ""), (ESC, ""), ("2", "newest"),
    (f"/x:{PASTED}", "no run has"), (ESC, "!no run has"), ("T", "Tags"), (PASTED, ""), ("\r", "cannot be"),
    (ESC, "!cannot be"), ("N", "Notes"),
    (PASTED, ""), (F5, "saved"), (F2, "Name"), (PASTED, ""), (F5, "called"), ("D", "Delete"), ("y", "!Its curves"),
    ("u", "back"), ("", "▸  ✓"), ("ooi", ""), ("iOO", ""), ("S", "Stop the"), (ESC, "!Stop the"), ("E", "Evaluate"),
    (DOWN, ""), (ESC, "!Evaluate"),
    ("e", ""), (DOWN * 47, ""), (ESC, ""), ("2", "newest"), ("\r", "Charts"), ("m", ""), ("m", ""), ("m", ""),
    ("M", ""), ("X", "x axis by"), (PASTED, "is called"), (ESC, "!x axis by"),
    ("|", ""), ("d", ""), ("d", ""), ("H", ""), ("U", ""), ("V", "overlaid"),
    (f"{DOWN}\r{DOWN}\r", ""), ("b", ""), (ESC, "!overlaid"), ("s", ""), ("p", ""), ("p", ""), ("B", ""), ("z", ""),
    ("p", ""), (ESC, ""), ("Q", ""), ("i", ""), ("g", "last line"), ("o", "title"), ("t", ""), ("Y", ""),
    ("c", ""), (ESC, ""), ("C", "compared"), (f"{DOWN} {DOWN} {DOWN} ", ""), ("\r", ""), ("o", ""), ("s", ""),
    ("c", ""), ("m", ""), ("m", ""), ("Q", ""), ("\x1b[C", ""), ("3", ""), (DOWN, ""), (DOWN, ""), ("5", "CPU"),
    ("/", ""), ("PROCESS\r", ""), ("\x1b[F", "shalom"), (ESC, ""), (F10, "Saved in"),
    (ESC, "!Saved in"), ("\x1b[H", "CPU"),
    ("x", ""), (ESC, "CPU"), ("?", "Close"), (ESC, "!Close"), ("\x10", ""), (ESC, "CPU"), ("2", "newest"),
    (f"{DOWN}{DOWN}P", ""), ("p", ""), ("p", ""), (ESC, ""),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 12)], ids=["80x24", "40x12"])
def test_no_byte_of_anybody_else_s_reaches_the_terminal(home, runs, columns, rows):
    """Every screen over a home where all texts are hostile; of what is written only the copy is no plain drawing."""
    Hostile(home, runs)
    program = home / "\x1b]52;c;b3duZWQ=\x07\u202e\x1b[2Jshalom"
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([program, "600"])
    t = Patient(home, columns, rows)
    at = []
    try:
        t.sees("hostile")
        for keys, word in TOUR:
            keys = keys.replace("PROCESS", f"^{process.pid}")
            at.append((len(t.raw), keys))
            t.visit(keys, *([word] if word else []))
        assert not (home / "crash.log").exists(), (home / "crash.log").read_text()
        written = t.raw.decode()
        (copied,) = re.findall("\x1b]52;c;([A-Za-z0-9+/=]*)\x07", written)
        text = base64.b64decode(copied).decode()
        assert text == clean(text) and SHALOM in text
        titles = re.findall("\x1b]2;([^\x00-\x1f]*)\x07", written)
        assert titles and all(title == clean(title) and title.startswith("gentui") for title in titles)
        ours = "\x1b]52;c;[A-Za-z0-9+/=]*\x07|\x1b]2;[^\x00-\x1f]*\x07|\x1b\\[2[23];2t"  # copy, title, what keeps it
        acts = acts_of(re.sub(ours, "", written), columns)
        assert not acts, acts[:5]
        t.press("q")
        assert os.waitstatus_to_exitcode(t.ended()) == 0
    finally:
        t.close()
        process.kill()
        process.wait()


async def test_labels_of_a_checkpoint_neither_act_nor_are_copied_raw(desk, runs, undrawn):
    made = runs.make("toonfaces-acgan")
    (made.checkpoints / "last").mkdir()
    async with desk((80, 24)) as d:
        await d.opens("RunScreen", "4")
        await d.until(lambda: d.app.screen.snapshot)
        screen = await d.opens("PlaygroundScreen", "P")
        labels = {"classes": [], "attributes": [ALL_OF_IT, LONE, SALAM], "groups": []}
        told = {"conditions": labels, "conditional": True, "which": LONE, "step": 3, "device": ALL_OF_IT}
        screen._take(screen._sampler, told)
        await d.press("right", "down", "right")
        await d.opens("CopyScreen", "Y")
        await d.press("c")
        await d.sees("The command was sent")
        assert d.app.clipboard == clean(d.app.clipboard) and SHALOM in d.app.clipboard
        for strip in screen_strips(d.app):
            assert all(is_harmless(character) for segment in strip for character in segment.text)


COMMANDS = [
    "runs", "show latest", "logs latest", "leaderboard", "recipes", "recipe hostile", "data", "doctor", "restore",
    "runs --filter x:\x9b2J\u202e", "show \x9b2J\u202e", "export -f csv", "export -f md", "export -f latex",
    "events latest", "export -f html", "report latest -o report", "sample latest -o x.png", "evaluate latest --now",
    "resume latest",
]  # fmt: skip
IN_JSON = ["runs", "show latest", "leaderboard", "recipes", "doctor", "data list"]
CALL = """
import sys
from gentui.cli.main import _run
for line in {lines!r}:
    _run([*line.split(), *{more!r}])
    print("{end}", flush=True)
"""


def test_no_command_lets_it_through_to_a_terminal(home, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Hostile(home, runs)
    master, slave = pty.openpty()
    code = CALL.format(lines=COMMANDS, more=[], end="")
    environ = {**os.environ, **ENV, "GENTUI_HOME": str(home), "COLUMNS": "80"}
    done = subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, env=environ)
    os.close(slave)
    written = b""
    with contextlib.suppress(OSError):  # as a terminal says that nobody writes any more
        while data := os.read(master, 1 << 16):
            written += data
    os.close(master)
    assert done.wait(30) == 0, written[-2000:]
    text = written.decode()
    assert SHALOM in text and "Traceback" not in text
    strange = {character for character in text if not is_harmless(character)} - {"\r", "\n"}
    assert not strange, [line for line in text.splitlines() if strange & {*line}][:5]
    for page in ("index.html", "report.md"):
        text = (tmp_path / "report" / page).read_text()
        assert SHALOM in text and all(is_harmless(character) for character in text.replace("\n", ""))


def test_json_is_whole_and_in_ascii(home, runs):
    Hostile(home, runs)
    code = CALL.format(lines=IN_JSON, more=["--json"], end="\\0")
    environ = {**os.environ, "GENTUI_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environ, check=True)
    documents = done.stdout.decode("ascii").split("\0\n")[:-1]
    told = [json.loads(document, parse_constant=pytest.fail) for document in documents]
    assert len(told) == len(IN_JSON)
    assert any(SHALOM in run["name"] for run in told[0])
