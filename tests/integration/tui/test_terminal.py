"""Real terminals: what is asked and answered, what is painted, how it ends, and silence when idle."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

import pytest

from gentui.tui.terminal import PATIENCE, CapabilityQuery, is_passthrough_blocked, parse_reply
from tests.support.emulator import Emulator
from tests.support.waiting import wait_for


def test_the_start_screen_is_the_menu(terminal):
    t = terminal()
    t.sees("▸ digits-unet", "Demonstrations", "✓ here", "Enter Train", "q Quit")
    t.press("q")
    assert os.waitstatus_to_exitcode(t.ended()) == 0


@pytest.mark.parametrize("where", ["2>errors.txt", "2>&-"])
def test_a_stderr_that_goes_elsewhere_leaves_the_screen(home, tmp_path, where):
    command = ["sh", "-c", f"exec {sys.executable} -m gentui --images half {where}"]
    t = Emulator(command, GENTUI_HOME=str(home), PYTHONPATH=os.pathsep.join(sys.path))
    try:
        t.sees("▸ digits-unet", "✓ here")
        t.press("2")
        t.sees("No runs yet")
        t.press("q")
        assert os.waitstatus_to_exitcode(t.ended()) == 0
    finally:
        t.close()
    assert not (tmp_path / "errors.txt").exists() or not (tmp_path / "errors.txt").read_text()


def test_an_idle_screen_writes_nothing(terminal, runs):
    runs.make()
    t = terminal(columns=160, rows=45)
    t.sees("▸ digits-unet", "✓ here", "14.2")
    for key, word in (("", "Train"), ("2", "✓ done"), ("4", "· live"), ("3", "FD in digits-cnn")):
        t.press(key)
        t.sees(word)
        t.until(lambda: t.read(1.0) == 0)
        assert t.read(3.0) == 0


def test_an_animation_falls_silent_when_it_has_played_or_is_paused(terminal, runs):
    run = runs.make()
    runs.film(run, 300, frames=3)
    t = terminal()
    t.sees("▸ digits-unet", "✓ here")
    t.press("4")
    t.sees("Charts", "loss")
    t.press("spp")
    t.sees("progress · step 300", "▶")
    t.sees("■ 3/3")
    t.until(lambda: t.read(1.0) == 0)
    assert t.read(3.0) == 0
    t.press(" ")
    t.sees("▶")
    t.press(" ")
    t.sees("paused")
    t.until(lambda: t.read(1.0) == 0)
    assert t.read(2.0) == 0


def test_a_closed_terminal_ends_the_app_and_not_the_training(terminal, home):
    from engine.runs.directory import list_runs

    t = terminal()
    t.sees("✓ here")
    t.press("\r\r")
    t.sees("● running", "loss")
    (run,) = list_runs(home)
    t.until(lambda: bool(run.events_files()))
    t.hang_up()
    t.ended()
    _, events = run.events_files()[-1]
    size = events.stat().st_size
    wait_for(lambda: events.stat().st_size > size, "training to go on without the terminal")
    assert run.is_alive()


def test_quitting_stops_nothing(terminal, home):
    from engine.runs.directory import list_runs

    t = terminal()
    t.sees("✓ here")
    t.press("\r\r")
    t.sees("● running", "loss")
    t.press("q")
    assert os.waitstatus_to_exitcode(t.ended()) == 0
    assert list_runs(home)[0].is_alive()


def test_no_color_writes_no_colour_and_keeps_a_cursor(terminal, runs):
    runs.make()
    t = terminal(NO_COLOR="1")
    t.sees("▸ digits-unet", "✓ here")
    t.press("2")
    t.sees("▸", "✓ done")
    for colour in (b"\x1b[38;", b"\x1b[48;", b";38;", b";48;"):
        assert colour not in t.raw


@pytest.mark.parametrize(
    ("environ", "is_braille"),
    [
        ({}, True),
        ({"TERM": "linux"}, False),
        ({"PYTHONIOENCODING": "latin-1"}, False),
        ({"TERM": "linux", "GENTUI_PLOT": "braille"}, True),
    ],
    ids=["as it is", "console", "latin-1", "as asked"],
)
def test_lines_are_ascii_where_there_is_no_braille(terminal, runs, environ, is_braille):
    runs.make()
    t = terminal(columns=120, rows=40, **environ)
    t.sees("digits-unet", "Demonstrations")
    t.press("2")
    t.sees("done")
    t.press("\r")
    t.sees("best FD", "page 1 of")
    t.until(lambda: t.read(0.5) == 0)
    assert is_braille == any("⠀" < letter <= "⣿" for letter in t.text)
    assert is_braille or any("*" in line for line in t.text.splitlines())


@pytest.mark.parametrize(
    ("heard", "kind", "typed"),
    [
        (b"", "half", ""),
        (b"\x1b_Gi=31;OK\x1b\\\x1b[?62;c", "kitty", ""),
        (b"\x1b[?62;4;6;22c", "sixel", ""),
        (b"\x1b[?62;22;52c", "half", ""),
        (b"\x1b_Gi=31;EINVAL: no\x1b\\\x1b[?1;2c", "half", ""),
        (b"jq\x1b_Gi=31;OK\x1b\\x\x1b[?62cy", "kitty", "jqxy"),
        (b"down\x1b[B", "half", "down\x1b[B"),
    ],
)
def test_answers_are_understood_and_keys_are_kept(heard, kind, typed):
    assert parse_reply(heard) == (kind, typed)


def test_a_silent_terminal_costs_a_moment_and_no_key(monkeypatch):
    for name in ("TMUX", "STY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    master, slave = pty.openpty()
    try:
        waits: list[float] = []
        look = select.select
        monkeypatch.setattr(
            "gentui.tui.terminal.select.select", lambda r, w, x, wait: waits.append(wait) or look(r, w, x, wait)
        )
        query = CapabilityQuery("auto", slave, slave)
        os.write(master, b"j2")
        assert query.result() == ("half", "j2")
        assert waits and max(waits) <= PATIENCE
        assert os.read(master, 100) == b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c"
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize(
    "env", [{"TMUX": "/tmp/x"}, {"TERM": "screen-256color"}, {"TERM": "linux"}, {"NO_COLOR": ""}]
)
def test_where_the_answer_cannot_be_trusted_nothing_is_asked(monkeypatch, env):
    for name in ("TMUX", "STY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-kitty")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    master, slave = pty.openpty()
    try:
        assert CapabilityQuery("auto", slave, slave).result() == ("half", "")
        assert not select.select([master], [], [], 0)[0]
    finally:
        os.close(master)
        os.close(slave)


def test_keys_typed_while_it_starts_are_not_lost(terminal, runs):
    runs.make()
    t = terminal(images="auto")
    t.press("2")
    t.sees("✓ done")


def test_neither_torch_nor_pillow_is_loaded_before_it_is_needed():
    code = (
        "import sys; import gentui.tui.app, gentui.tui.workbench; "
        "late = {'torch', 'PIL', 'numpy', 'pydantic', 'sqlite3', 'textual_image'}; "
        "assert not late & set(sys.modules), late & set(sys.modules); "
        "import gentui.tui.screens.run, gentui.tui.screens.form, gentui.tui.screens.export; "
        "assert 'torch' not in sys.modules and 'textual_image' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("images", "there", "absent"),
    [
        ("half", "▀".encode(), [b"\x1b_G", b"\x1bPq"]),
        ("none", b"pictures are off", [b"\x1b_G", b"\x1bPq", "▀".encode()]),
        ("kitty", b"\x1b_G", [b"\x1bPq"]),
        ("sixel", b"\x1bP", [b"\x1b_G"]),
    ],
)
def test_pictures_are_written_as_asked(terminal, runs, images, there, absent):
    runs.make()
    t = terminal(images=images)
    t.sees("✓ here")
    t.press("4")
    t.sees("Charts", "loss")
    t.press("s")
    t.until(lambda: there in t.raw)
    t.until(lambda: t.read(1.0) == 0)
    for other in absent:
        assert other not in t.raw
    if images == "kitty":
        assert "\U0010eeee".encode() in t.raw
    t.press("1")
    t.sees("▸ digits-unet")


@pytest.fixture
def tmux(tmp_path, monkeypatch):
    """A tmux whose word on what it lets through is chosen."""

    def make(says: str, code: int = 0) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "tmux").write_text(f"#!/bin/sh\n[ $3 = allow-passthrough ] && echo '{says}'\nexit {code}\n")
        (folder / "tmux").chmod(0o755)
        return {"TMUX": "/tmp/tmux-0/default,1,0", "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    return make


@pytest.mark.parametrize(
    ("says", "code", "walled"), [("off", 0, True), ("on", 0, False), ("all", 0, False), ("", 1, False)]
)
def test_a_tmux_that_lets_nothing_through_is_known(monkeypatch, tmux, says, code, walled):
    monkeypatch.delenv("TMUX", raising=False)
    assert not is_passthrough_blocked()
    for name, value in tmux(says, code).items():
        monkeypatch.setenv(name, value)
    assert is_passthrough_blocked() == walled
    assert CapabilityQuery("kitty").result()[0] == ("half" if walled else "kitty")
    assert CapabilityQuery("sixel").result()[0] == "sixel"


@pytest.mark.parametrize(
    ("says", "there", "absent"),
    [
        ("on", b"\x1bPtmux;\x1b\x1b_G", "▀".encode()),
        ("off", "▀".encode(), b"_G"),
    ],
)
def test_inside_tmux_pictures_go_through_or_are_half_blocks(terminal, runs, tmux, says, there, absent):
    runs.make()
    t = terminal(images="kitty", **tmux(says))
    t.sees("✓ here")
    t.press("4")
    t.sees("Charts", "loss")
    t.press("s")
    t.until(lambda: there in t.raw)
    t.until(lambda: t.read(1.0) == 0)
    assert absent not in t.raw
    if says == "on":  # every message is wrapped, to its end
        assert t.raw.count(b"\x1b_G") == t.raw.count(there) and t.raw.count(b"\x1b\x1b\\\x1b\\") == t.raw.count(
            there
        )


@pytest.mark.parametrize(("images", "mark"), [("kitty", b"\x1b_G"), ("sixel", b"\x1bP")])
def test_animations_are_drawn_in_pixels_frame_by_frame(terminal, runs, images, mark):
    run = runs.make()
    runs.film(run, 300, frames=3)
    t = terminal(images=images)
    t.sees("✓ here")
    t.press("4")
    t.sees("Charts", "loss")
    drawn = t.raw.count(mark)
    t.press("spp")
    t.sees("progress · step 300", "■ 3/3")
    assert t.raw.count(mark) >= drawn + 9, "three times three frames"
    t.until(lambda: t.read(1.0) == 0)
    assert t.read(2.0) == 0


def test_keys_that_come_together_are_taken_one_after_the_other(terminal, home):
    """As a slow line brings them: what is typed goes into the filter and the field, and F5 trains what stands there."""
    from engine.runs.directory import list_runs

    t = terminal()
    t.sees("▸ digits-unet", "✓ here")
    t.press("/vae", "Enter", "e")
    t.sees("▸ name", "VAE on digits")
    t.press("F6", "mine", "Down", "Clear", "7", "F5")
    t.sees("[c Charts]", "mine")
    (run,) = list_runs(home)
    info = run.info()
    assert (info["name"], info["recipe"], info["seed"], info["quick"]) == ("mine", "digits-vae", 7, True)
