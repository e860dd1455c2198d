"""Phrases that readers stumbled over stay out of what they read, and FID is a name for Inception's features alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gentui.runs import alarms
from gentui.runs.metric_names import label, published_name, short_name

ROOT = Path(__file__).parents[2]
READ = [
    *sorted((ROOT / "gentui").rglob("*.py")), *sorted((ROOT / "engine").rglob("*.py")), ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]  # fmt: skip
OLD = (
    "real images against real", "as published: extractor", "rows run across", "newest, following", "kinds of picture:",
    "left a sample", "looking at samples", "no alarm was raised", "times their size", "scores took", "outliers cut",
    "where most values lie", "how long is not known", "Quick (t)", "train as it is", "≈ {card",
    "checkpoint written\"", "only an ended, unfinished", "It leaves the queue", "There are:", "is tagged",
    "Reports show them", "Which runs are compared", "what it cost", "\"as left\"", "\"begin with\"", "\"slow line\"",
    "Press ctrl+q", "there is no run behind it", "The data is not here", "hold exactly what", "of the grid, by chance",
    "Call a run something else", "All that is known of one run", "Bring deleted runs back", "within a minute",
    "under a minute", "nothing left to resume",
)  # fmt: skip
"""Old phrases; what replaced them is in the changelog."""


@pytest.mark.parametrize("phrase", OLD)
def test_an_old_phrase_is_gone(phrase: str):
    found = [str(path.relative_to(ROOT)) for path in READ if phrase in path.read_text()]
    assert not found


class Scored:
    def __init__(self, metric: str, protocol: str, **detail: str):
        self.metric, self.protocol, self.detail = metric, protocol, detail


@pytest.mark.parametrize(
    ("scored", "short", "long"),
    [
        (Scored("fid", "fid · digits-cnn@432d6de0 · train 1437 · n=200"), "FD", "FD · digits-cnn"),
        (Scored("fid", "fid · x", extractor="inception"), "FID", "FID"),
        (Scored("kid", "kid · inception@aa · n=9"), "KID", "KID"),
        (Scored("kid", "kid · probe@aa · n=9"), "kernel distance", "kernel distance · probe"),
        (Scored("fid", "something logged elsewhere"), "fid", "fid"),
        (Scored("target_accuracy", "t · n=9"), "target acc", "target accuracy"),
    ],
)
def test_fid_is_called_so_only_of_inception(scored, short, long):
    assert (short_name(scored), label(scored)) == (short, long)


def test_a_published_figure_is_called_as_its_paper_does():
    assert published_name("fid") == "FID" and published_name("target_accuracy") == "target acc"


def test_signals_have_names_in_words_and_keep_their_keys():
    assert alarms.signal_name("label_told") == "follows the label"
    assert alarms.signal_name("contrast") == "contrast"
    assert {*alarms.SIGNAL_NAMES} <= {*alarms.LIMITS, *alarms.MEANINGS}
    assert not [name for name in alarms.SIGNAL_NAMES.values() if re.search("told|_", name)]
