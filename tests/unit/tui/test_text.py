"""Untrusted text cannot act on the terminal, hide, reverse itself, or break a width."""

from __future__ import annotations

import unicodedata

import pytest
from rich.cells import cell_len

from gentui.text.sanitize import clean, clean_lines, fit, shorten, shorten_middle

HOSTILE = {
    "clipboard": "\x1b]52;c;aGFja2Vk\x07name",
    "title": "\x1b]0;owned\x1b\\name",
    "open sequence": "name\x1b]8;;http://evil",
    "colour": "\x1b[31;1mname\x1b[0m",
    "eight-bit": "\x9b31mname\x9d52;c;x\x9c",
    "bidi": "na\u202eme\u2066\u2069\u200f",
    "invisible": "n\u200ba\u2060m\ufeffe\u00ad",
    "surrogate": "name\ud800\udfff",
    "lines": "na\nme\r\x0b\x0c\x85\u2028\u2029",
    "placeholder": "name\U0010eeee\u0305",
    "tags": "name" + "".join(chr(0xE0000 + ord(c)) for c in "hidden"),
    "zalgo": "n" + "\u0301" * 400 + "ame",
    "bell": "\x07\x08\x00na\x7fme",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_clean_text_is_one_line_that_cannot_act(text: str):
    cleaned = clean(text)
    assert cleaned.encode("utf-8")
    bad = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert not [c for c in cleaned if unicodedata.category(c) in bad]
    assert len(cleaned) < 30


@pytest.mark.parametrize("width", [0, 1, 4, 5, 8, 13, 17, 40])
@pytest.mark.parametrize("text", ["my first lr=0.002", "数字の名前 seed=3", "short", "digits-unet (quick) ✎"])
def test_what_is_cut_in_its_middle_keeps_both_ends(text, width):
    cut = shorten_middle(text, width)
    assert cell_len(cut) <= width and cell_len(fit(text, width, cut="middle")) == width
    if cell_len(text) <= width:
        assert cut == text
    elif width >= 8:
        assert cut[0] == text[0] and cut[-1] == text[-1] and "…" in cut


def test_plain_text_stays_as_it_is():
    for text in ("digits-unet", "β = 0.5, σ ≤ 80", "数字", "naïve"):
        assert clean(text) == text


def test_markup_is_only_text():
    assert clean("[/red] [bold]x[/]") == "[/red] [bold]x[/]"


def test_a_long_line_costs_no_more_than_its_limit():
    assert len(clean("x" * 10_000_000)) <= 4096


def test_of_a_progress_bar_the_last_writing_is_kept():
    assert clean_lines("10%\r50%\r100%\ndone\r\n") == ["100%", "done", ""]


@pytest.mark.parametrize("width", range(12))
def test_fitted_text_has_exactly_its_width(width: int):
    for text in ("", "abc", "abcdefghijklmnop", "数字数字数字", "a数b字"):
        assert cell_len(shorten(text, width)) <= width
        assert cell_len(fit(text, width)) == width
        assert cell_len(fit(text, width, "right")) == width
