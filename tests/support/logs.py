"""Logs of other programs: real ones, written by their own libraries in processes of their own, and made ones that
hold what no sound library writes."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

WANDB = """
import sys
import numpy as np
import wandb

run = wandb.init(
    project="shapes", name="first try", notes="two\\nlines", tags=["a", "two words"],
    config={"lr": 1e-3, "seed": 5, "model": {"width": 64, "act": "relu"}, "sizes": [1, 2]},
    settings=wandb.Settings(x_stats_sampling_interval=0.1),
)
for step in range(200):
    nested = {"a": step, "b": float("nan") if step == 3 else 0.5}
    run.log({"loss": 1 / (step + 1), "val/acc": step / 200, "nested": nested})
    print("step", step, "is done", flush=True)
picture = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
several = [wandb.Image(picture + n, caption=f"c{n}") for n in range(1, 4)]
run.log({"img": wandb.Image(picture, caption="one"), "imgs": several})
run.log({"inf": float("inf"), "h": wandb.Histogram([1, 2, 3])})
run.summary["best"] = 0.5
run.config.update({"late": True})
if len(sys.argv) > 1:
    print("ValueError: no such thing", flush=True)
run.finish(exit_code=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""

TENSORBOARD = """
import sys
import numpy as np
from torch.utils.tensorboard import SummaryWriter

with SummaryWriter(sys.argv[1] + "/one") as log:
    for step in range(100):
        log.add_scalar("loss", float("nan") if step == 4 else 1 / (step + 1), step)
        log.add_scalar("acc/val", step / 100, step)
    log.add_image("drawn", np.zeros((3, 8, 8), np.uint8), 10)
    log.add_text("note", "hello", 3)
    log.add_histogram("weights", np.arange(9), 3)
    log.add_hparams({"lr": 0.1, "opt": "adam", "bias": True}, {"score": 0.5}, run_name="hp")
with SummaryWriter(sys.argv[1] + "/two/deep") as log:
    log.add_scalar("loss", 2.0, 1, new_style=True)
"""


def begun(script: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A script of somebody's, who has nothing to do with gentui, that runs in the folder."""
    private = {
        name: str(folder / "private")
        for name in ("HOME", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR")
    }
    (folder / "private").mkdir(parents=True, exist_ok=True)
    (folder / "script.py").write_text(script)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "PYTHONPATH"))}
    return subprocess.Popen(
        [sys.executable, "script.py", *arguments],
        cwd=folder, env={**environment, **private, "WANDB_MODE": "offline", "WANDB_SILENT": "true"},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ran(script: str, folder: Path, *arguments: str) -> None:
    """Run such a script to its end."""
    process = begun(script, folder, *arguments)
    _, told = process.communicate(timeout=300)
    assert process.returncode in (0, *map(int, filter(str.isdigit, arguments))), told


class WandbFile:
    """A transaction log written piece by piece, as wandb frames it; flushed at every record."""

    def __init__(self, folder: Path, name: str = "run-made"):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.wandb"
        self.files = folder / "files"
        self.path.write_bytes(b":W&B\xe1\xbe\x00")

    def add(self, **told: Any) -> None:
        """A record of the protocol: ``run={"display_name": …}``, ``exit={"exit_code": 0}`` …"""
        from google.protobuf.json_format import ParseDict
        from wandb.proto.wandb_internal_pb2 import Record

        self.raw(ParseDict(told, Record()).SerializeToString())

    def log(self, step: int, /, **values: Any) -> None:
        """A step's values: each as JSON, or, where it is bytes, those."""
        told = [
            {"nested_key": key.split("."), "value_json": v.decode() if isinstance(v, bytes) else json.dumps(v)}
            for key, v in values.items()
        ]
        self.add(history={"item": told, "step": {"num": step}})

    def raw(self, body: bytes) -> None:
        with self.path.open("ab") as file:
            kinds = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}
            first = True
            while body or first:
                left = 32768 - file.tell() % 32768
                if left < 7:
                    file.write(bytes(left))
                    continue
                piece, body = body[: left - 7], body[left - 7 :]
                kind = kinds[first, not body]
                checksum = zlib.crc32(piece, zlib.crc32(bytes([kind])))
                file.write(struct.pack("<IHB", checksum, len(piece), kind) + piece)
                first = False


def events_of(run: Path, kind: str) -> list[dict[str, Any]]:
    """The records of a kind of a run's newest attempt."""
    from engine.runs.directory import RunDir
    from engine.runs.events import iter_events

    return [event for event in iter_events(RunDir(run).events_files()[-1][1]) if event["kind"] == kind]


def values_of(run: Path) -> dict[int, dict[str, float]]:
    """What was logged at each step."""
    values: dict[int, dict[str, float]] = {}
    for event in events_of(run, "metrics"):
        values.setdefault(event["step"], {}).update(event["values"])
    return values


def imported(home: Path, path: Path) -> Any:
    """The writer of the run imported from a log."""
    from gentui.imports import importer
    from gentui.imports.discovery import find

    (opener,) = find(str(path))
    return importer.take(home, opener, "")


def followed(home: Path, path: Path, *edits: Callable[[], object]) -> Any:
    """The writer of a run whose log is followed, with an edit between each two reads, and then left."""
    from gentui.imports import importer
    from gentui.imports.discovery import find

    detach: Any = SimpleNamespace(requested=False, cancel=lambda: None)
    left = list(edits)

    def wait(_: float) -> None:
        if left:
            left.pop(0)()
        else:
            detach.requested = True

    (opener,) = find(str(path))
    writer = importer.begin(home, opener, "", detach)
    writer.source.wait = wait
    importer.follow([writer], detach, lambda _: None)
    return writer


def points_of(writer: Any) -> dict[int, dict[str, float]]:
    """What a run has at each step, with NaN as text so that it equals itself."""
    return {
        step: {name: "nan" if value != value else value for name, value in values.items()}
        for step, values in values_of(writer.run.path).items()
    }
