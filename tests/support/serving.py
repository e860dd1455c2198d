"""The drawing server of a checkpoint, spoken to as the playground does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.inference import sample
from engine.runs.directory import RunDir


class Served:
    def __init__(self, run: RunDir):
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.inference.server", str(run.path), "--device", "cpu"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.folder = Path(self.hear()["folder"])

    def ask(self, **words: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def until_answered(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The last word on the request, and what came before it."""
        before = []
        while "done" in (heard := self.hear()) or "conditions" in heard:
            before.append(heard)
        return heard, before


def command(run: RunDir, out: Path, *arguments: str) -> bytes:
    assert sample.main([str(run.path), "--device", "cpu", *arguments, "--out", str(out)]) == 0
    return out.read_bytes()
