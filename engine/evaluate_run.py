"""Score a run's weights: ``python -P -m engine.evaluate_run RUN_DIR [--samples N] [--sampler NAME] [--json] …``.

The scores join the run's event log. Exit codes: 0, 2 (bad argument), 4 (no checkpoint, data or extractor).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from engine.data import DataError, open_dataset
from engine.evaluation.extractors import ExtractorError
from engine.events import EventWriter
from engine.recipe import MissingData
from engine.rundir import RunDir
from engine.scoring import build_scorer
from engine.trained import changed_or_exit, leave, or_exit


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.evaluate_run")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--extractor")
    parser.add_argument("--sampler")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--checkpoint", choices=["best", "last"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    run = RunDir(options.run_dir)
    trained = or_exit(run, options.device, options.checkpoint)
    asked = {
        "evaluate.samples": options.samples,
        "evaluate.extractor": options.extractor,
        "sample.sampler": options.sampler,
        "sample.steps": options.steps,
        "sample.guidance": options.guidance,
    }
    recipe = changed_or_exit(trained.recipe, asked)
    try:
        recipe.require_data()
        scorer = build_scorer(recipe, open_dataset(recipe.data), trained.device)
        scores = scorer.score(trained.method, _progress)
    except (MissingData, DataError, ExtractorError) as error:
        leave(str(error), 4)
    newest = max((n for n, _ in run.events_files()), default=1)
    writer = EventWriter(run.events_path(newest))
    events = [{**score.event(), "best": False, "checkpoint": trained.which} for score in scores]
    writer.emit_many(
        writer.stamp("evaluation", step=trained.step, images=trained.images, **event) for event in events
    )
    writer.sync()
    if options.json:
        rows = [{"run": run.id, "step": trained.step, **event} for event in events]
        print(json.dumps(rows, indent=1))
    else:
        for event in events:
            floor = f"  (floor {event['floor']:.4g})" if event["floor"] is not None else ""
            print(f"{event['metric']}\t{event['value']:.6g}{floor}\t{event['protocol']}")
    return 0


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,}/{total:,} images", end="" if done < total else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
