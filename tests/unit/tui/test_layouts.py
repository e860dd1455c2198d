"""Kept layouts: what is saved comes back, and what cannot be read is told and ignored."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gentui.config import chart_layouts
from gentui.config.chart_layouts import Layout


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("GENTUI_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("GENTUI_PLOT", raising=False)
    return tmp_path / "config"


LIKED = Layout(4, 0.9, "window", True, True, "epoch", "block", ("lr", "grad_norm"))


def test_a_layout_is_kept_for_each_family(config):
    assert chart_layouts.load("gan") == (Layout(), "")
    chart_layouts.save("gan", lambda: LIKED)
    chart_layouts.save("vae", lambda: Layout(columns=2))
    assert chart_layouts.load("gan") == (LIKED, "")
    assert chart_layouts.load("vae") == (Layout(columns=2), "")
    assert [path.name for path in config.iterdir()] == ["charts.json"], "written whole, and nothing beside it"


@pytest.mark.parametrize("damage", ["", "{", "[]", '"x"', "[" * 100_000, "\udcff"])
def test_a_damaged_file_is_told_in_one_sentence_and_ignored(config, damage):
    chart_layouts.save("gan", lambda: LIKED)
    chart_layouts.path().write_bytes(damage.encode("utf-8", "surrogateescape"))
    layout, trouble = chart_layouts.load("gan")
    assert layout == Layout() and "charts.json cannot be read" in trouble and trouble.endswith(".")
    chart_layouts.save("gan", lambda: LIKED)
    assert chart_layouts.load("gan") == (LIKED, "")


@pytest.mark.parametrize(
    "saved",
    [3, {"columns": 10}, {"columns": "4"}, {"axis": "moon"}, {"marks": None}, {"smoothing": [1]},
     {"hidden": "lr"}, {"hidden": [1]}, {"log_y": "yes"}],
    ids=str,
)  # fmt: skip
def test_nonsense_about_one_family_leaves_the_others_alone(saved):
    chart_layouts.save("vae", lambda: LIKED)
    found = json.loads(chart_layouts.path().read_text())
    chart_layouts.path().write_text(json.dumps(found | {"gan": saved}))
    layout, trouble = chart_layouts.load("gan")
    assert layout == Layout() and "layout of gan" in trouble
    assert chart_layouts.load("vae") == (LIKED, "")


def test_what_a_later_version_may_add_is_no_trouble():
    chart_layouts.path().parent.mkdir(parents=True)
    chart_layouts.path().write_text(json.dumps({"gan": {"columns": 3, "new": 1}}))
    assert chart_layouts.load("gan") == (Layout(columns=3), "")


def test_the_terminal_decides_what_lines_are_made_of(monkeypatch):
    chart_layouts.save("gan", lambda: LIKED)
    monkeypatch.setenv("GENTUI_PLOT", "ascii")
    assert chart_layouts.load("gan")[0].marks == "ascii" and chart_layouts.load("other")[0].marks == "ascii"
    monkeypatch.setenv("GENTUI_PLOT", "oil")
    assert chart_layouts.load("gan")[0].marks == "block"


def test_what_a_terminal_can_draw_is_no_choice_to_be_kept(monkeypatch):
    chart_layouts.save("gan", lambda: LIKED)
    monkeypatch.setenv("GENTUI_PLOT", "ascii")
    for family in ("gan", "vae"):
        layout, _ = chart_layouts.load(family)
        chart_layouts.save(family, lambda layout=layout: replace(layout, log_y=True))
    monkeypatch.delenv("GENTUI_PLOT")
    assert chart_layouts.load("gan")[0].marks == "block" and chart_layouts.load("vae")[0] == Layout(log_y=True)
