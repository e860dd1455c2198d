"""A terminal may answer late, in pieces, or only in part: no piece of it is typing, and no typing is lost."""

from __future__ import annotations

import os
import pty

import pytest

from gentui.tui.terminal import CapabilityQuery, LateAnswerFilter
from tests.support.terminal import terminal  # noqa: F401  a fixture

KITTY, SIXEL = "\x1b_Gi=31;OK\x1b\\\x1b[?62;c", "\x1b[?62;4;6;22c"
ANSWERS = {
    "kitty": KITTY,
    "an error": "\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\\x1b[?1;2c",
    "WezTerm": "\x1b_Gi=31;OK\x1b\\\x1b[?65;4;6;18;22;52c",
    "foot": SIXEL,
    "iTerm2": "\x1b[?64;1;2;4;6;17;18;21;22c",
    "only who it is": "\x1b[?1;2c",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_late_answer_is_no_typing_wherever_it_is_torn(answer):
    for at in range(len(answer) + 1):
        late = LateAnswerFilter()
        typed = late.feed("j" + answer[:at]) + late.feed(answer[at:] + "é2")
        assert typed == "jé2", at
        late = LateAnswerFilter(answer[:at])  # what had come before the app began
        assert late.feed(answer[at:] + "\x1b[Bq") == "\x1b[Bq", at


def test_it_may_come_letter_by_letter():
    late = LateAnswerFilter()
    assert "".join(late.feed(letter) for letter in f"a{KITTY}b") == "ab"


def test_keys_that_begin_like_an_answer_are_typed_after_all(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("gentui.tui.terminal.time.monotonic", lambda: clock[0])
    for keys in ("\x1b", "\x1b_", "\x1b["):
        late = LateAnswerFilter()
        assert late.feed(f"x{keys}") == "x" and late.flush() == ""
        clock[0] += 2 * late.PAUSE
        assert late.flush() == keys and late.flush() == ""
    assert (
        LateAnswerFilter().feed("\x1b[B\x1bOP\x1b[15~\x1b[200~G\x1b[201~")
        == "\x1b[B\x1bOP\x1b[15~\x1b[200~G\x1b[201~"
    )
    late = LateAnswerFilter()
    assert late.feed(KITTY) == "" and late.feed("\x1b") == "\x1b", (
        "all of it has come: nothing is held back any more"
    )
    late = LateAnswerFilter()
    clock[0] += late.LIFETIME + 1
    assert late.feed("\x1b") == "\x1b", "nor when nothing can come any more"


@pytest.mark.parametrize(
    "piece", ["", "\x1b", "\x1b_Gi=31;O", "\x1b_Gi=31;OK\x1b\\", "\x1b_Gi=31;OK\x1b\\\x1b[?6"]
)
def test_what_has_come_of_an_answer_in_time_is_kept_for_the_rest(monkeypatch, piece):
    for name in ("TMUX", "STY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    master, slave = pty.openpty()
    try:
        query = CapabilityQuery("auto", slave, slave)
        os.write(master, b"j" + piece.encode())
        kind, typed = query.result()
        assert (
            typed == "j"
            and query.partial_reply is not None
            and kind == ("kitty" if "OK\x1b\\" in piece else "half")
        )
        assert LateAnswerFilter(query.partial_reply).feed(KITTY[len(piece) :] + "2") == "2"
    finally:
        os.close(master)
        os.close(slave)


def test_who_was_answered_in_time_reads_on_undisturbed(monkeypatch):
    for name in ("TMUX", "STY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    master, slave = pty.openpty()
    try:
        query = CapabilityQuery("auto", slave, slave, patience=3600.0)
        for piece in ("j\x1b_Gi=3", "1;OK\x1b", "\\2\x1b[?62", ";cé"):
            os.write(master, piece.encode())
        assert query.result() == ("kitty", "j2é") and query.partial_reply is None
    finally:
        os.close(master)
        os.close(slave)


def test_over_a_slow_line_the_answer_presses_no_key(terminal):  # noqa: F811
    t = terminal(images="auto")
    t.sees("▸ digits-unet", "✓ here")
    t.until(lambda: t.read(0.5) == 0)
    for piece in ("\x1b_Gi=31", ";OK\x1b", "\\\x1b[?62", ";4c"):
        t.press(piece)
        assert t.read(0.3) == 0, "a key would have drawn something"
    t.press("?")
    t.sees("Home: recipes  (this screen)", "Esc Close")
    t.press("\x1b")
    t.sees("▸ digits-unet", "✓ here")
    assert t.raw.count(b"_G") == 1, "it asks once, and draws half blocks"
