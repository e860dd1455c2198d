"""Runs of a classifier with the numbers behind its t-SNE and its confusion table."""

from __future__ import annotations

import json

import numpy as np

from tests.support.runs import digit_tiles, grid_png

NAMES = [str(digit) for digit in range(10)]


def numbers(count: int = 60) -> dict[str, object]:
    rng = np.random.default_rng(0)
    classes = np.arange(count) % 10
    places = rng.normal(size=(count, 2)) + 9 * np.stack([classes % 4, classes // 4], 1)
    return {
        "places": places.tolist(), "classes": classes.tolist(), "domains": (np.arange(count) % 2).tolist(),
        "class_names": NAMES, "domain_names": ["source", "target"],
    }  # fmt: skip


def drawn(runs, counts: object):
    run = runs.make("digitsm-digits-dann", samples=0)
    for name, told in (("tsne", numbers()), ("confusion", {"counts": counts, "class_names": NAMES})):
        path = f"figures/{name}-000300.png"
        grid_png(run.path / path, digit_tiles(2, 3))
        (run.path / path).with_suffix(".json").write_text(json.dumps(told))
        runs.event(run, "figure", 300, name=name, path=path, caption="")
    return run
