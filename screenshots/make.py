"""Pictures of the app, from real runs: ``python screenshots/make.py [--home DIR]``.

Without ``--home`` six small runs are trained first (some minutes on a CPU). The screens of a live run are taken
of one that trains meanwhile. Writes one SVG for each screen beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from gentui.config import preferences
from gentui.tui.workbench import GentuiApp

HERE = Path(__file__).resolve().parent
LARGE, SMALL = (140, 40), (80, 24)

FINISHED: tuple[tuple[str, ...], ...] = (
    ("digitsm-digits-dann", "--quick"),
    ("digits-cfg", "--quick"),
    ("digits-unet", "--quick", "--seed", "1"),
    ("digits-unet", "--quick", "--seed", "2"),
    ("digits-unet", "--quick", "--seed", "3", "-o", "optim.lr=5e-3"),
    ("digits-unet",),
)
STARTED: tuple[tuple[str, ...], ...] = (("digits-unet", "--seed", "4"), ("digits-vae",))
"""Runs that train, and wait, while the screens of a live run are taken; ended afterwards."""

UNET = ("2", "~✓ done", "slash", *"unet", "enter")

SHOTS: tuple[tuple[str, tuple[int, int], Sequence[str], str], ...] = (
    ("launch", LARGE, ["enter"], "gentui run"),
    ("form", LARGE, ["e"], "gentui run"),
    ("samples", LARGE, ["4", "~loss", "s"], "· live"),
    ("scores", LARGE, ["4", "~loss", "Q"], "real images"),
    ("health", LARGE, ["4", "~loss", "i"], "Signals"),
    ("playground", LARGE, ["4", "~loss", "P", "~label", "f5"], "Done. s"),
    ("compare", LARGE, [*UNET, "asterisk", "C"], "Cost"),
    ("compare-charts", LARGE, [*UNET, "asterisk", "C", "~Cost", "c"], "loss"),
    ("leaderboard", LARGE, ["3"], "published"),
    ("export", LARGE, ["x"], "bytes"),
    ("help", LARGE, ["question_mark"], "Everywhere"),
)
"""Name, size, keys from the menu (``~word`` waits for a word), and a word that says the screen is complete."""

LIVE_SHOTS: tuple[tuple[str, tuple[int, int], Sequence[str], str], ...] = (
    ("home", LARGE, [], "digits-unet"),
    ("home-80x24", SMALL, [], "✓ here"),
    ("runs", LARGE, ["2"], "✓ done"),
    ("run", LARGE, ["4"], "step"),
    ("run-80x24", SMALL, ["4"], "loss"),
    # Filtered, for the command lines of other processes hold paths of the machine.
    ("machine", LARGE, ["5", "~memory", "slash", *"digits", "enter"], "digits-unet"),
)


async def shoot(home: Path, name: str, size: tuple[int, int], keys: Sequence[str], word: str) -> Path:
    """One screen as SVG."""
    app = GentuiApp(home)
    async with app.run_test(size=size) as pilot:
        await _until(app, pilot, "✓ here")
        for key in keys:
            if key.startswith("~"):
                await _until(app, pilot, key[1:])
            else:
                await pilot.press(key)
        await _until(app, pilot, word)
        await pilot.pause(1.5)
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


def _gentui(home: Path, *words: str) -> str:
    command = [sys.executable, "-m", "gentui", "--home", str(home), *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _half_done(home: Path, run: str) -> None:
    while True:
        shown = json.loads(_gentui(home, "show", run, "--json"))
        if shown["status"] not in {"queued", "running"} or (
            shown["steps"] and shown["step"] > 0.5 * shown["steps"]
        ):
            return
        time.sleep(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with finished runs")
    home = parser.parse_args().home
    with tempfile.TemporaryDirectory() as folder:
        if home is None:
            home = Path(folder) / "home"
            for run in FINISHED:
                _gentui(home, "run", *run, "--wait")
        os.environ["GENTUI_CONFIG"] = str(Path(folder) / "config")  # as it comes, whatever this person's is
        os.chdir("/")  # the export screen names the working directory
        preferences.remember(toured=True)
        for shot in SHOTS:
            print(asyncio.run(shoot(home, *shot)))
        started = [_gentui(home, "run", *run) for run in STARTED]
        try:
            _half_done(home, started[0])
            for shot in LIVE_SHOTS:
                print(asyncio.run(shoot(home, *shot)))
        finally:
            for run in reversed(started):
                _gentui(home, "stop", run, "--wait")
                _gentui(home, "rm", run, "--now")


if __name__ == "__main__":
    main()
