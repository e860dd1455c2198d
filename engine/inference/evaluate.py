"""Score a checkpoint: ``python -P -m engine.inference.evaluate RUN_DIR [--metrics LIST] [--samples N] [--json] …``.

The scores are appended to the run's event log, and written to the FILE of ``--scores``. Exit codes: 0, 2 (bad
argument, or a metric that cannot be computed for this run), 3 (no such step kept), 4 (no checkpoint, data or
extractor).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import main_program
from engine.data.continuity import needs_labels, with_labels_of
from engine.data.dataset import DataError, open_dataset
from engine.devices import is_out_of_memory, release_memory
from engine.evaluation.extractors import ExtractorError
from engine.evaluation.score import Score
from engine.evaluation.scorer import Reports, build_scorer
from engine.inference.loading import Trained, enough_memory, exit_with, load_or_exit
from engine.recipes.evaluate_options import (
    OPTIONS,
    parse_metrics,
    published_remark,
    score_line,
    with_evaluate_options,
)
from engine.recipes.recipe import MissingData, RecipeError
from engine.runs.directory import RunDir, parse_checkpoint
from engine.runs.events import EventWriter
from engine.runs.files import write_atomically
from engine.settings.evaluation import METRIC_SCORES
from engine.training.memory import ScoreBatches

_REMEDY = (
    "free some that other programs use, or score on the CPU (`CUDA_VISIBLE_DEVICES= gentui evaluate RUN --now`)"
)


def main(arguments: list[str] | None = None) -> int:
    """Score a checkpoint as the command line says. Returns the exit code; errors exit with a message."""
    options = _parser().parse_args(arguments)
    run = RunDir(options.run_dir)
    with enough_memory(options.device, _REMEDY):
        trained = load_or_exit(run, options.device, options.checkpoint)
        scores = _scores_or_exit(trained, options)
    events = [{**score.event(), "best": False, "checkpoint": str(trained.which)} for score in scores]
    _append_events(run, trained, events)
    text = json.dumps([{"run": run.id, "step": trained.step, **event} for event in events], indent=1)
    if options.scores is not None:
        write_atomically(options.scores, text.encode())
    if options.json:
        print(text)
    else:
        for event in events:
            print(score_line(event))
    if options.as_published:
        _print_to_stderr(published_remark(trained.recipe, events))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.inference.evaluate")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--metrics", type=_metrics, metavar="LIST", help=f"out of {', '.join(METRIC_SCORES)}")
    parser.add_argument("--weights", help="file of the extractor's weights")
    parser.add_argument("--split", choices=["train", "test"], help="real images to compare with")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--extractor")
    parser.add_argument("--noises", type=int, metavar="K", help="noises that the scores are a mean over")
    parser.add_argument("--seed", type=int, help="seed of those noises")
    parser.add_argument("--labels", metavar="data|uniform|FILE", help="labels that samples are asked for")
    parser.add_argument("--statistics", metavar="FILE", help="statistics of real images (.npy or .npz)")
    parser.add_argument("--as-published", action="store_true", help="score as the published figure was made")
    parser.add_argument("--sampler")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--checkpoint", type=parse_checkpoint, metavar="best|last|STEP")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="also write the JSON list to FILE")
    return parser


def _scores_or_exit(trained: Trained, options: argparse.Namespace) -> list[Score]:
    """Compute the requested scores. Exits with 2 when they are not possible, 4 when data or weights are missing."""
    try:
        given = {name: getattr(options, name) for name in OPTIONS}
        recipe = with_evaluate_options(trained.recipe, given, options.as_published)
        recipe.require_data()
        dataset = with_labels_of(open_dataset(recipe.data), trained.conditions, needs_labels(recipe.model))
        scorer = build_scorer(recipe, dataset, trained.device)
        measure = scorer.report if isinstance(scorer, Reports) else scorer.score
        scores = _in_batches_that_fit(
            ScoreBatches(scorer), lambda: measure(trained.method, _ProgressLine(), _print_to_stderr)
        )
    except RecipeError as error:
        exit_with(error.one_line, 2)
    except (MissingData, DataError, ExtractorError) as error:
        exit_with(str(error), 4)
    if options.metrics is None:
        return scores
    requested = {name for metric in parse_metrics(options.metrics) for name in METRIC_SCORES[metric]}
    return [score for score in scores if score.metric in requested]


def _in_batches_that_fit(batches: ScoreBatches, measure: Callable[[], list[Score]]) -> list[Score]:
    """What ``measure`` returns, in smaller batches where memory runs out. Raises that error when none are smaller."""
    while True:
        try:
            return measure()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or not batches.halve():
                raise
        release_memory()
        _print_to_stderr(f"out of memory; once more with {batches.size} images at once")


def _append_events(run: RunDir, trained: Trained, events: list[dict[str, Any]]) -> None:
    """Write the scores to the newest event log of the run, at the step of the checkpoint."""
    newest = max((number for number, _ in run.events_files()), default=1)
    writer = EventWriter(run.events_path(newest))
    writer.emit_many(
        writer.stamp("evaluation", step=trained.step, images=trained.images, **event) for event in events
    )
    writer.sync()


def _metrics(text: str) -> str:
    try:
        return ",".join(parse_metrics(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class _ProgressLine:
    """Prints progress to stderr: on a terminal as one line that is overwritten, elsewhere as a line every second."""

    def __init__(self) -> None:
        self._due = 0.0

    def __call__(self, done: int, total: int) -> None:
        line = f"{done:,}/{total:,} images"
        if sys.stderr.isatty():
            print(f"\r{line}", end="" if done < total else "\n", file=sys.stderr, flush=True)
        elif (now := time.monotonic()) >= self._due:
            self._due = now + 1.0
            _print_to_stderr(line)


def _print_to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main_program.run(main)
