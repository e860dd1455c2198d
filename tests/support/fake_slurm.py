"""Slurm's commands as shell scripts that print what a test lays down: for what is shown, not for what happens."""

from __future__ import annotations

from pathlib import Path

import pytest

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo", "sacct")


class FakeSlurm:
    """``said`` lists the calls, one a line."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch):
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        for name in COMMANDS:
            script = folder / "bin" / name
            script.write_text(
                f'#!/bin/sh\necho "{name} $*" >>"{folder}/calls"\ncat >/dev/null\n'
                f'cat "{folder}/{name}" 2>/dev/null\ncat "{folder}/{name}.errors" >&2 2>/dev/null && exit 1\nexit 0\n'
            )
            script.chmod(0o755)
        self.answer("scontrol", "Slurmctld(primary) at box is UP\n")
        patch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")

    def answer(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def refuse(self, name: str, errors: str) -> None:
        (self.folder / f"{name}.errors").write_text(errors)

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines() if (self.folder / "calls").exists() else []
