"""The drawing server of a checkpoint, spoken to as the playground does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.inference import sample
from engine.runs.directory import RunDir
from tests.support.processes import Forked


class Served:
    def __init__(self, run: RunDir):
        self.process = Forked(["-m", "engine.inference.server", run.path, "--device", "cpu"], stdin=True)
        self.folder = Path(self.hear()["folder"])

    def ask(self, **words: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        return json.loads(self.process.stdout.readline())

    def until_answered(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The last word on the request, and what came before it."""
        before = []
        while "done" in (heard := self.hear()) or "conditions" in heard:
            before.append(heard)
        return heard, before

    def close(self) -> None:
        """Close its stdin, as the end of the playground does, and wait until it has ended."""
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        assert not self.folder.exists()
        self.process.stdout.close()


def command(run: RunDir, out: Path, *arguments: str) -> bytes:
    assert sample.main([str(run.path), "--device", "cpu", *arguments, "--out", str(out)]) == 0
    return out.read_bytes()
