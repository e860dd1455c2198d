"""Kept layouts: what is saved comes back, and what cannot be read is told and ignored."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gentui.tui import layouts
from gentui.tui.layouts import Layout


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("GENTUI_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("GENTUI_PLOT", raising=False)
    return tmp_path / "config"


LIKED = Layout(4, 0.9, "window", True, True, "epoch", "block", ("lr", "grad_norm"))


def test_a_layout_is_kept_for_each_family(config):
    assert layouts.load("gan") == (Layout(), "")
    layouts.save("gan", lambda: LIKED)
    layouts.save("vae", lambda: Layout(columns=2))
    assert layouts.load("gan") == (LIKED, "")
    assert layouts.load("vae") == (Layout(columns=2), "")
    assert [path.name for path in config.iterdir()] == ["charts.json"], "written whole, and nothing beside it"


@pytest.mark.parametrize("damage", ["", "{", "[]", '"x"', "[" * 100_000, "\udcff"])
def test_a_damaged_file_is_told_in_one_sentence_and_ignored(config, damage):
    layouts.save("gan", lambda: LIKED)
    layouts.path().write_bytes(damage.encode("utf-8", "surrogateescape"))
    layout, trouble = layouts.load("gan")
    assert layout == Layout() and "charts.json cannot be read" in trouble and trouble.endswith(".")
    layouts.save("gan", lambda: LIKED)
    assert layouts.load("gan") == (LIKED, "")


@pytest.mark.parametrize(
    "saved",
    [3, {"columns": 10}, {"columns": "4"}, {"axis": "moon"}, {"marks": None}, {"smoothing": [1]},
     {"hidden": "lr"}, {"hidden": [1]}, {"log_y": "yes"}],
    ids=str,
)  # fmt: skip
def test_nonsense_about_one_family_leaves_the_others_alone(saved):
    layouts.save("vae", lambda: LIKED)
    found = json.loads(layouts.path().read_text())
    layouts.path().write_text(json.dumps(found | {"gan": saved}))
    layout, trouble = layouts.load("gan")
    assert layout == Layout() and "layout of gan" in trouble
    assert layouts.load("vae") == (LIKED, "")


def test_what_a_later_version_may_add_is_no_trouble():
    layouts.path().parent.mkdir(parents=True)
    layouts.path().write_text(json.dumps({"gan": {"columns": 3, "new": 1}}))
    assert layouts.load("gan") == (Layout(columns=3), "")


def test_the_terminal_decides_what_lines_are_made_of(monkeypatch):
    layouts.save("gan", lambda: LIKED)
    monkeypatch.setenv("GENTUI_PLOT", "ascii")
    assert layouts.load("gan")[0].marks == "ascii" and layouts.load("other")[0].marks == "ascii"
    monkeypatch.setenv("GENTUI_PLOT", "oil")
    assert layouts.load("gan")[0].marks == "block"


def test_what_a_terminal_can_draw_is_no_choice_to_be_kept(monkeypatch):
    layouts.save("gan", lambda: LIKED)
    monkeypatch.setenv("GENTUI_PLOT", "ascii")
    for family in ("gan", "vae"):
        layout, _ = layouts.load(family)
        layouts.save(family, lambda layout=layout: replace(layout, log_y=True))
    monkeypatch.delenv("GENTUI_PLOT")
    assert layouts.load("gan")[0].marks == "block" and layouts.load("vae")[0] == Layout(log_y=True)
