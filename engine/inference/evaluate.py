"""Score a run's weights: ``python -P -m engine.inference.evaluate RUN_DIR [--metrics LIST] [--samples N] [--json] …``.

The scores join the run's event log, and are written to FILE of ``--scores``. Exit codes: 0, 2 (bad argument, or
a metric that this run cannot be measured by), 3 (no such step kept), 4 (no checkpoint, data or extractor).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from engine.data.dataset import DataError, open_dataset
from engine.evaluation.extractors import ExtractorError
from engine.evaluation.scorer import build_scorer
from engine.inference.loading import leave, or_exit
from engine.recipes.evaluate_options import OPTIONS, parse_metrics, score_line, with_evaluate_options
from engine.recipes.recipe import MissingData, RecipeError
from engine.runs.directory import RunDir, parse_checkpoint, write_atomically
from engine.runs.events import EventWriter
from engine.settings.evaluation import METRIC_SCORES


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.inference.evaluate")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--metrics", type=_metrics, metavar="LIST", help=f"out of {', '.join(METRIC_SCORES)}")
    parser.add_argument("--weights", help="file of the extractor's weights")
    parser.add_argument("--split", choices=["train", "test"], help="real images to compare with")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--extractor")
    parser.add_argument("--sampler")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--checkpoint", type=parse_checkpoint, metavar="best|last|STEP")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="the JSON list is written there too")
    options = parser.parse_args(arguments)
    run = RunDir(options.run_dir)
    trained = or_exit(run, options.device, options.checkpoint)
    try:
        recipe = with_evaluate_options(trained.recipe, {name: getattr(options, name) for name in OPTIONS})
    except RecipeError as error:
        leave(error.one_line, 2)
    try:
        recipe.require_data()
        scorer = build_scorer(recipe, open_dataset(recipe.data), trained.device)
        scores = scorer.score(
            trained.method, _Progress(), lambda told: print(told, file=sys.stderr, flush=True)
        )
        if options.metrics is not None:
            asked = {name for metric in parse_metrics(options.metrics) for name in METRIC_SCORES[metric]}
            scores = [score for score in scores if score.metric in asked]
    except RecipeError as error:
        leave(error.one_line, 2)
    except (MissingData, DataError, ExtractorError) as error:
        leave(str(error), 4)
    newest = max((n for n, _ in run.events_files()), default=1)
    writer = EventWriter(run.events_path(newest))
    events = [{**score.event(), "best": False, "checkpoint": str(trained.which)} for score in scores]
    writer.emit_many(
        writer.stamp("evaluation", step=trained.step, images=trained.images, **event) for event in events
    )
    writer.sync()
    text = json.dumps([{"run": run.id, "step": trained.step, **event} for event in events], indent=1)
    if options.scores is not None:
        write_atomically(options.scores, text.encode())
    if options.json:
        print(text)
    else:
        for event in events:
            print(score_line(event))
    return 0


def _metrics(text: str) -> str:
    try:
        return ",".join(parse_metrics(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class _Progress:
    """On a terminal a line that is written over; in a log, where others read how far it is, one a second."""

    def __init__(self) -> None:
        self._due = 0.0

    def __call__(self, done: int, total: int) -> None:
        told = f"{done:,}/{total:,} images"
        if sys.stderr.isatty():
            print(f"\r{told}", end="" if done < total else "\n", file=sys.stderr, flush=True)
        elif (now := time.monotonic()) >= self._due:
            self._due = now + 1.0
            print(told, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
