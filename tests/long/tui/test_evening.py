"""A whole evening with the installed command, as a person has one: in tmux, by keyboard, with real training."""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runs.directory import RunDir, list_runs
from tests.support.emulator import UNWANTED, Emulator
from tests.support.waiting import wait_for

GENTUI = Path(sys.executable).with_name("gentui")
SLOW = 300.0  # seconds that training, or what loads torch, may take on a busy machine
CONFIG = """
set -g status off
set -g window-size latest
set -g escape-time 10
"""

pytestmark = [
    pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed"),
    pytest.mark.skipif(not GENTUI.exists(), reason="the command is not installed beside this Python"),
]


class Tmux:
    """A tmux server of our own, in whose window a shell waits; people attach to it."""

    def __init__(self, folder: Path, environ: dict[str, str]):
        self.socket = Path(tempfile.mkdtemp(prefix="gt-"))  # a socket's path may not be long
        self._config = self.socket / "tmux.conf"
        self._config.write_text(CONFIG)
        self._environ = {k: v for k, v in os.environ.items() if k not in UNWANTED} | environ
        self._environ |= {"TMUX_TMPDIR": str(self.socket)}
        self._folder = folder
        self._clients: list[Emulator] = []

    @property
    def _command(self) -> list[str]:
        return ["tmux", "-u", "-L", "evening", "-f", str(self._config)]

    def ask(self, *words: str) -> str:
        found = subprocess.run(
            [*self._command, *words], capture_output=True, text=True, env=self._environ, check=False
        )
        return found.stdout.rstrip("\n")

    def attach(self, columns: int, rows: int) -> Emulator:
        """Somebody at a terminal of this size, at the session there is, or a new one with a shell."""
        shell = f"cd {shlex.quote(str(self._folder))} && exec env ENV= PS1='ready$ ' sh"
        client = Emulator(
            [*self._command, "new-session", "-A", "-s", "evening", shell], columns, rows, **self._environ
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        self.ask("kill-server")
        for client in self._clients:
            client.close()
        shutil.rmtree(self.socket, ignore_errors=True)


@pytest.fixture
def tmux(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tmux]:
    monkeypatch.delenv("GENTUI_TRAINER")  # it is real training
    environ = {
        "GENTUI_HOME": str(home),
        "GENTUI_CONFIG": str(tmp_path / "first-time"),
        "TERM": "xterm-256color",
    }
    environ |= {"COLUMNS": "80", "LINES": "24"}  # as some shells export them, and never right again
    made = Tmux(tmp_path, environ)
    yield made
    made.close()


def row_with(t: Emulator, word: str) -> str:
    return next((line for line in t.text.splitlines() if word in line), "")


def go_to_field(t: Emulator, key: str, by: str = "Down") -> None:
    """Down the form, or up, until the line that explains the setting under the cursor is about this one."""

    def here() -> str:
        found = re.findall(r"^ (?:✗ )?([\w.-]+): ", t.text, re.MULTILINE)
        return found[-1] if found else ""

    while here() != key:
        before = here()
        t.press(by)
        t.until(lambda before=before: here() not in ("", before), wanted=f"the cursor on its way to {key}")


def size_of(run: RunDir) -> int:
    return run.events_files()[-1][1].stat().st_size


def test_the_whole_evening(tmux: Tmux, home: Path, tmp_path: Path):
    t = tmux.attach(80, 24)
    t.sees("ready$")
    t.press(f"{GENTUI}; echo status $?", "Enter")

    # the first start, the menu
    t.sees("Esc Close", seconds=SLOW)
    t.press("Esc")
    t.sees("▸ digits-unet", "Demonstrations", "✓ here", "Enter Train", "? Help")
    t.press("/vae", "Enter", "p")  # as fast as a slow line would bring it
    t.sees("▸ digits-vae", "Settings", "optim")
    assert "digits-unet" not in t.text
    t.press("p", "Esc", "Home")
    t.sees("▸ digits-unet", "digits-vae")

    # the form: a mistake is told as it is typed, and the command that does the same is seen
    t.press("e")
    t.sees("▸ name", "Train (F5)", "$ gentui run digits-unet")
    t.press("F6", "evening")
    t.sees("evening", "--quick", "✓ 200 steps")
    go_to_field(t, "model.channels")
    t.press("Clear", "8o")
    t.sees("✗ should be a whole number, not '8o'", "✗ 1 problem")
    t.press("Back")
    t.sees("✓ 200 steps", "$ gentui run digits-unet --quick -o model.channels=8 --name evening")
    go_to_field(t, "sample.times")  # more samples, each of them sooner
    t.press("Clear", "8")
    go_to_field(t, "sample.steps", "Up")
    t.press("Clear", "4", "F5")
    t.sees("● running", "evening", "[c Charts]")
    (run,) = list_runs(home)

    # its charts
    t.sees("loss 0.", "smoothing 0.6", "┤", seconds=SLOW)
    t.press("w")
    t.sees("smoothing, exponential average: 0.9", "smoothing 0.9")
    t.press("y")
    t.sees("y axis: logarithmic", "log y")
    t.press("|")
    t.sees("at step")
    told = lambda: row_with(t, "at step").partition("at step")[2].split()[0]  # noqa: E731
    newest = told()
    t.press("Left")
    t.until(lambda: int(told()) < int(newest), wanted="the cursor on an older step")
    t.press("Esc")
    t.until(lambda: "at step" not in t.text, wanted="the cursor to go")

    # its samples
    t.press("s")
    t.sees("· live", "▀▀▀▀", seconds=SLOW)
    t.until(lambda: "1 of 1" not in t.text, SLOW, "a second grid")
    t.press("[")
    t.sees("newer (n: live)")
    t.press("]")
    t.sees("· live")

    # gone, and back with another terminal: all of it is drawn anew, and the run went on
    t.press("Prefix", "d")
    assert os.waitstatus_to_exitcode(t.ended()) == 0
    t = tmux.attach(160, 45)
    t.sees("evening", "[s Samples]", "· live", "e Edit & train", "? Help")
    t.until(lambda: [line.rstrip() for line in t.text.splitlines()] == screen_of(tmux), wanted="a whole screen")
    assert tmux.ask("display-message", "-p", "#{pane_width}×#{pane_height}") == "160×45"
    assert "q Quit" in t.screen.display[-1] and "gentui  1 Recipes" in t.screen.display[0]

    # the terminal is killed under it: training goes on, and is there again
    app = tmux.ask("display-message", "-p", "#{pane_pid}")
    size = size_of(run)
    tmux.ask("kill-session")
    t.ended()
    wait_for(lambda: not Path(f"/proc/{app}").exists(), "the app to end with its terminal", SLOW)
    wait_for(lambda: size_of(run) > size, "training to go on without the terminal", SLOW)
    t = tmux.attach(160, 45)
    t.press(f"{GENTUI}; echo status $?", "Enter")
    t.sees("▸ digits-unet", "✓ here")
    t.press("2")
    t.sees("▸", "evening (quick)", "─ settings")

    # once more with another seed
    t.press("e")
    t.sees("▸ name", f"{run.id}/recipe.toml")
    t.press("Clear", "second", "Down", "Clear", "1")
    t.sees("--seed 1 --name second", "✓ 200 steps")
    t.press("F5")
    t.sees("second", "[c Charts]")
    second = next(each for each in list_runs(home) if each.id != run.id)

    # the playground of the first
    t.until(lambda: run.read_state().status == "done", SLOW, "the end of the first run")
    t.press("2", "/evening", "Enter", "P")
    t.sees("Playground: evening", "Enter draws", "▸ label", " label: ", seconds=SLOW)
    t.press("Right", "Right", "Right", "Right")
    t.sees("--label=3")
    go_to_field(t, "seed")
    t.press("Clear", "7")
    t.sees("--label=3", "--seed=7")
    t.press("F5")
    t.sees("Done. s saves it", "▀▀▀▀", seconds=SLOW)
    t.press("F2")
    t.sees("Wrote")
    t.press("Y")
    t.sees("gentui sample", "Command")
    t.press("c")
    t.sees("The command was sent")
    t.press("Esc")
    t.sees("$ gentui sample")
    words = shlex.split(
        row_with(t, "$ gentui sample").partition("$ ")[2].partition("▌")[0]
    )  # a notice begins with ▌
    assert words[:3] == ["gentui", "sample", run.id] and words[-2] == "-o"
    drawn = tmp_path / words[-1]
    again = [str(GENTUI), *words[1:-1], str(tmp_path / "again.png")]
    subprocess.run(again, check=True, env=os.environ | {"GENTUI_HOME": str(home)}, capture_output=True)
    assert (tmp_path / "again.png").read_bytes() == drawn.read_bytes() != b""
    t.press("Esc")
    t.sees("evening (quick)")

    # both of them
    t.until(lambda: second.read_state().status == "done", SLOW, "the end of the second run")
    t.press("Esc")
    t.sees("✓ done      second", "evening (quick)")
    t.press("*")
    t.sees("2 runs marked")
    t.press("C")
    t.sees("A second", "B evening", "★", "Cost")
    t.press("o")
    t.sees("[o Settings]", "seed")
    t.press("3")
    t.sees("FD in digits-cnn features", "2 train")  # both are one row, over their seeds
    t.press("f")
    t.sees("second", "evening")
    t.press("x")
    t.sees("results.csv", "lines")
    t.press("F5")
    t.sees("Wrote")
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows if row["kind"] == "run"} >= {run.id, second.id}
    t.press("5")
    t.sees("─ machine", "load", "Processes by processor")

    # and out: the shell is as it was
    t.press("q")
    t.sees("status 0", "ready$")
    assert tmux.ask("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}") == "0 1 0"
    t.press("stty -a | tr ' ' '\\n' | grep -cxE 'echo|icanon|icrnl|ixon|isig|opost'", "Enter")
    t.until(lambda: "6" in t.text.split("opost'")[-1].split(), wanted="a terminal that echoes")


def screen_of(tmux: Tmux) -> list[str]:
    """What stands in the window, by tmux's own account."""
    lines = [line.rstrip() for line in tmux.ask("capture-pane", "-p").split("\n")]
    return lines + [""] * (45 - len(lines))
