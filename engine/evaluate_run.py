"""Score a run's weights: ``python -P -m engine.evaluate_run RUN_DIR [--metrics LIST] [--samples N] [--json] …``.

The scores join the run's event log, and are written to FILE of ``--scores``. Exit codes: 0, 2 (bad argument, or
a metric that this run cannot be measured by), 4 (no checkpoint, data or extractor).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from engine.data import DataError, open_dataset
from engine.evaluation.extractors import ExtractorError
from engine.events import EventWriter
from engine.recipe import MissingData, RecipeError
from engine.rundir import RunDir, write_atomically
from engine.scoring import build_scorer
from engine.settings.training import FID, SCORES
from engine.trained import changed_or_exit, leave, or_exit


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.evaluate_run")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--metrics", type=_metrics, metavar="LIST", help=f"out of {', '.join(SCORES)}")
    parser.add_argument("--weights", help="file of the extractor's weights")
    parser.add_argument("--split", choices=["train", "test"], help="real images to compare with")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--extractor")
    parser.add_argument("--sampler")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--checkpoint", choices=["best", "last"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="the JSON list is written there too")
    options = parser.parse_args(arguments)
    run = RunDir(options.run_dir)
    trained = or_exit(run, options.device, options.checkpoint)
    changes = {
        "evaluate.samples": options.samples,
        "evaluate.also": None if options.metrics is None else [m for m in options.metrics if m != "fid"],
        "evaluate.weights": options.weights,
        "evaluate.split": options.split,
        "evaluate.extractor": options.extractor,
        "sample.sampler": options.sampler,
        "sample.steps": options.steps,
        "sample.guidance": options.guidance,
    }
    of_images = [key for key in changes if key.startswith("evaluate.") and changes[key] is not None]
    if of_images and not isinstance(trained.recipe.evaluate, FID):
        leave(f"{trained.recipe.name} makes no images to score: {', '.join(of_images)} cannot be chosen", 2)
    recipe = changed_or_exit(trained.recipe, changes)
    try:
        recipe.require_data()
        scorer = build_scorer(recipe, open_dataset(recipe.data), trained.device)
        scores = scorer.score(trained.method, _progress)
        if options.metrics is not None:
            asked = {name for metric in options.metrics for name in SCORES[metric]}
            scores = [score for score in scores if score.metric in asked]
    except RecipeError as error:
        leave(str(error), 2)
    except (MissingData, DataError, ExtractorError) as error:
        leave(str(error), 4)
    newest = max((n for n, _ in run.events_files()), default=1)
    writer = EventWriter(run.events_path(newest))
    events = [{**score.event(), "best": False, "checkpoint": trained.which} for score in scores]
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
            std = f" ± {event['std']:.3g}" if "std" in event else ""
            floor = f"  (floor {event['floor']:.4g})" if event["floor"] is not None else ""
            print(f"{event['metric']}\t{event['value']:.6g}{std}{floor}\t{event['protocol']}")
    return 0


def _metrics(text: str) -> list[str]:
    asked = [name.strip() for name in text.split(",") if name.strip()]
    if not asked or not {*asked} <= {*SCORES}:
        raise argparse.ArgumentTypeError(f"{text!r}: names out of {', '.join(SCORES)}, separated by commas")
    return asked


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,}/{total:,} images", end="" if done < total else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
