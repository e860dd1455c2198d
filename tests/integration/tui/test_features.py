"""What an adapted classifier makes of its images, in characters."""

from __future__ import annotations

import numpy as np
import pytest

from gentui.tui.screens.features import scatter, table
from tests.support.features import drawn, numbers


async def test_a_classifier_shows_its_map_and_its_confusion_table(desk, size, runs):
    drawn(runs, (np.eye(10, dtype=int) * 9 + np.eye(10, k=1, dtype=int)).tolist())
    async with desk(size) as d:
        await d.opens("RunScreen", "4")
        await d.until(lambda: d.app.screen.snapshot)
        await d.opens("FeaturesScreen", "P")
        await d.sees("map of features by class, step 300", "source", "target (bold)")
        await d.press("p")
        await d.sees("by domain", "o source", "x target")
        await d.press("p")
        await d.sees("confusion table", "right", "90.0%", "90.9% of 99 images right")
        await d.press("escape")
        await d.on("RunScreen")


async def test_numbers_that_are_odd_or_missing_are_told(desk, runs):
    run = drawn(runs, [[1, 2]])
    (run.figures / "tsne-000300.json").unlink()
    async with desk() as d:
        await d.opens("RunScreen", "4")
        await d.until(lambda: d.app.screen.snapshot)
        await d.opens("FeaturesScreen", "P")
        await d.sees("Its data is missing")
        await d.press("p", "p")
        await d.sees("Its data cannot be read.")


@pytest.mark.parametrize("by_class", [True, False])
def test_every_place_of_the_map_is_inside_it_and_bears_its_sign(by_class):
    lines = scatter(numbers(), 60, 20, by_class).plain.split("\n")
    assert len(lines[:18]) == 18 and all(len(line) == 60 for line in lines[:18])
    assert {*"".join(lines[:18])} - {" "} == ({*"0123456789"} if by_class else {"o", "x"})


def test_hostile_names_stay_text():
    names = ["\x1b]52;c;x\x07[/b]", "b"]
    text = table({"counts": [[1, 0], [0, 0]], "class_names": names}, 80).plain
    assert "\x1b" not in text and "100.0%" in text and "–" in text
