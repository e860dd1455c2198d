"""Pictures of the app, from real runs: ``python screenshots/make.py [--home DIR]``.

Without ``--home`` three small runs are trained first (some minutes on a CPU), the quick ones for company. Writes
one SVG for each screen beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gentui.tui.workbench import GentuiApp

HERE = Path(__file__).resolve().parent
LARGE, SMALL = (140, 40), (80, 24)

SHOTS: tuple[tuple[str, tuple[int, int], Sequence[str], str], ...] = (
    ("home", LARGE, [], "✓ here"),
    ("home-80x24", SMALL, [], "✓ here"),
    ("form", LARGE, ["e"], "gentui run"),
    ("runs", LARGE, ["2"], "✓ done"),
    ("run", LARGE, ["4"], "newest, following"),
    ("run-80x24", SMALL, ["4"], "loss"),
    ("samples", LARGE, ["4", "s"], "newest, following"),
    ("scores", LARGE, ["4", "e"], "floor"),
    ("health", LARGE, ["4", "i"], "Signals"),
    ("playground", LARGE, ["4", "P", "f5"], "Done. F2"),
    ("compare", LARGE, ["2", "a", "C"], "digits-cfg"),
    ("machine", LARGE, ["5"], "memory"),
    ("leaderboard", LARGE, ["3"], "as published"),
    ("export", LARGE, ["x"], "bytes"),
    ("help", LARGE, ["question_mark"], "Everywhere"),
)
"""Name, size, keys from the menu, and a word that says the screen is complete."""


async def shoot(home: Path, name: str, size: tuple[int, int], keys: Sequence[str], word: str) -> Path:
    """One screen as SVG."""
    app = GentuiApp(home)
    async with app.run_test(size=size) as pilot:
        await _until(app, pilot, "✓ here")
        for key in keys:
            before = type(app.screen)
            await pilot.press(key)
            for _ in range(200):
                if type(app.screen) is not before or (len(keys) > 1 and key == keys[-1]):
                    break
                await pilot.pause(0.05)
        await _until(app, pilot, word)
        await pilot.pause(1.0)
        path = HERE / f"{name}.svg"
        path.write_text(app.export_screenshot(title="gentui"), encoding="utf-8")
        return path


async def _until(app: GentuiApp, pilot: object, word: str) -> None:
    for _ in range(600):
        strips = app.screen._compositor.render_strips()
        if any(word in "".join(segment.text for segment in strip) for strip in strips):
            return
        await pilot.pause(0.05)  # type: ignore[attr-defined]
    raise SystemExit(f"waited in vain for {word!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with finished runs")
    home = parser.parse_args().home
    with tempfile.TemporaryDirectory() as folder:
        if home is None:
            home = Path(folder) / "home"
            for run in (["digits-cfg", "--quick"], ["digits-unet", "--quick", "--seed", "1"], ["digits-unet"]):
                command = [sys.executable, "-m", "gentui", "--home", str(home), "run", *run, "--wait"]
                subprocess.run(command, check=True)
        os.environ["GENTUI_CONFIG"] = str(Path(folder) / "config")  # as it comes, whatever this person's is
        os.chdir("/")  # the export screen names the working directory
        for shot in SHOTS:
            print(asyncio.run(shoot(home, *shot)))


if __name__ == "__main__":
    main()
