"""Stands in for ``python -m engine.inference.evaluate`` in tests of the jobs: same arguments, files, exit codes.

Needs no torch.

The recipe's ``summary`` may hold JSON whose ``scoring`` says how to behave: ``images`` (of which one is scored
every ``pause`` seconds), ``exit`` (at once, with this code, having said ``says``).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from pathlib import Path

from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from engine.runs.files import write_atomically

PROTOCOL = {
    "protocol": "fid · pretended",
    "protocol_id": "0badcafe",
    "protocol_detail": {"metric": "fid", "extractor": "digits-cnn"},
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--json", action="store_true")
    options, _ = parser.parse_known_args()
    run = RunDir(options.run)
    if not run.recipe_path.is_file():
        print(f"cannot read {run.recipe_path}", file=sys.stderr)
        return 2
    summary = tomllib.loads(run.recipe_path.read_text()).get("summary", "")
    plan = json.loads(summary).get("scoring", {}) if summary.startswith("{") else {}
    if "exit" in plan:
        print(plan.get("says", ""), file=sys.stderr)
        return plan["exit"]
    images = options.samples or plan.get("images", 5)
    for done in range(1, images + 1):
        time.sleep(plan.get("pause", 0.01))
        print(f"{done:,}/{images:,} images", file=sys.stderr, flush=True)
    fields = {"metric": "fid", "value": 12.5, "lower_is_better": True, "floor": 1.5, "seconds": 0.1, "best": False,
              "checkpoint": "last", **PROTOCOL}  # fmt: skip
    newest = max((n for n, _ in run.events_files()), default=1)
    log = EventWriter(run.events_path(newest))
    log.emit("evaluation", step=10, images=80, **fields)
    log.sync()
    text = json.dumps([{"run": run.id, "step": 10, **fields}], indent=1)
    if options.scores:
        write_atomically(options.scores, text.encode())
    print(text if options.json else "fid\t12.5")
    return 0


if __name__ == "__main__":
    sys.exit(main())
