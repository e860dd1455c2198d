"""What the snapshots are of: every screen and pane, led up to by keys over run directories that are always the same."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.widgets import Static

from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from gentui import jobs
from gentui.machine import gpus, monitor
from gentui.tui.index_reader import EvaluationFinished
from gentui.tui.machine_history import History
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.table import Table
from tests.support.app import Desk
from tests.support.features import drawn
from tests.support.runs import Runs, digit_tiles, grid_png
from tests.support.textual_private import show_notices

NOW = 1_709_298_000.0  # Friday, 1 March 2024, 13:00 UTC: before every file's time
GPU = gpus.Gpu(
    0, "NVIDIA H100", 0.45, (12 << 30, 80 << 30), 61, 302.4, 700.0, (gpus.GpuProcess(7, "", 3 << 30),)
)  # fmt: skip
MACHINE = monitor.MachineState(
    (GPU,), "", 0.5, 2, 1.5, (6 << 30, 24 << 30), (240 << 30, 250 << 30), {"cpu": ()}
)  # fmt: skip
NET = """\
unet: 1,012,345 parameters
stem         conv 3×3         1×8×8 → 32×8×8        320
down.0.0     residual block   32×8×8 → 32×8×8    22,656
down.1.0     residual block   32×4×4 → 64×4×4    80,512
middle       attention, 4     64×4×4 → 64×4×4    16,640
up.1.0       residual block   128×4×4 → 64×4×4  121,536
head         conv 3×3         32×8×8 → 1×8×8        289
"""


def hold_still(patch: pytest.MonkeyPatch) -> None:
    """One clock, one sequence of ids, one machine, one time zone: nothing that another day or place would change."""
    ids = itertools.count()
    patch.setattr(time, "time", lambda: NOW)
    patch.setattr(
        "engine.runs.directory.new_run_id", lambda: f"20240301-1259{(n := next(ids)) % 60:02d}-{n:03d}ab"
    )
    patch.setattr(
        EventWriter, "stamp",
        staticmethod(lambda kind, *, step, images, **more: {
            "kind": kind, "t": NOW - 80 + step * 0.05, "mono": step * 0.05, "step": step, "images": images, **more,
        }),
    )  # fmt: skip
    for place in ("gentui.jobs.reconciling.ensure_workers", "gentui.jobs.evaluations.ensure_workers"):
        patch.setattr(place, lambda *given: None)  # what is queued stays so
    patch.setattr("gentui.jobs.launchers.local.slots.slots", lambda: ("cpu",))
    patch.setattr("gentui.tui.screens.machine.sample", lambda home, queues: MACHINE)
    patch.setattr(
        "gentui.tui.crash_guard.write_crash", lambda *told: Path("/home/me/.local/share/gentui/crash.log")
    )
    patch.setattr("engine.settings.datasets.published.FashionMNIST.locate", classmethod(lambda cls: None))
    patch.setenv("GENTUI_DATA", "/nowhere")
    patch.delenv("GENTUI_PLOT", raising=False)
    patch.chdir("/usr")  # where a table would be written
    patch.setenv("TZ", "UTC")
    time.tzset()


@dataclass(frozen=True)
class Scene:
    """``play`` leads to the ``screen``, named by its class. ``keeps_its_start``: what it shows depends on
    the size, or the colours, that its keys are pressed at: where the cursor stands, what is scrolled to, what lies
    below a dialog."""

    screen: str
    play: Callable[[Desk, Runs], Coroutine[Any, Any, object]]
    crashes: int = 0
    keeps_its_start: bool = False


SCENES: dict[str, Scene] = {}


def scene(screen: str, name: str, crashes: int = 0, keeps_its_start: bool = False) -> Callable[[Any], Any]:
    def keep(play: Any) -> Any:
        assert name not in SCENES
        SCENES[name] = Scene(screen, play, crashes, keeps_its_start)
        return play

    return keep


# -- what the runs are


def rich(runs: Runs) -> RunDir:
    """A run in training that has something in every pane."""
    run = runs.live(180, name="first light", alerts=1, spikes=(90,), samples=4)
    for i, value in enumerate((41.2, 22.7, 15.3)):
        runs.selection(run, 60 * (i + 1), value, seconds=0.6)
    score(runs, run, "label_accuracy", 0.912, 180, lower_is_better=False)
    for step in range(20, 181, 20):
        values = {"health/diversity": 0.7 + step / 2000, "health/label_told": 0.9 - 0.2 * (step == 100)}
        runs.event(run, "metrics", step, values=values)
    for step in range(20, 181, 20):
        values = {"cpu_percent": 40.0 + step / 10, "memory_percent": 30.0, "swap_percent": 1.0}
        runs.event(run, "system", step, values={**values, "process_memory_gib": 1.5})
    run.architecture_path.write_text(NET)
    grid_png(run.figures / "real.png", digit_tiles(seed=9))
    runs.event(run, "figure", 1, name="real", path="figures/real.png", caption="training images")
    lines = (f"12:59:{n:02d}  step {n * 6:,}  loss {0.9 / n:.4f}" for n in range(1, 31))
    run.log_path.write_text("probe: fp32 is fastest\n" + "\n".join(lines) + "\n")
    return run


def score(runs: Runs, run: RunDir, metric: str, value: float, step: int, **told: Any) -> None:
    detail = {"metric": metric, "extractor": "digits-cnn", "samples": 500, "dataset": "digits", "split": "test"}
    protocol = f"{metric} · digits-cnn@1a2b3c4d · test 360 · n=500 · heun 18 · ema"
    known = {"lower_is_better": True, "floor": 1.9 if metric == "fid" else None, "seconds": 0.6, "best": True}
    runs.event(
        run, "evaluation", step, metric=metric, value=value, protocol=protocol, protocol_id=f"of-{metric}",
        protocol_detail=detail, **{**known, **told},
    )  # fmt: skip


def every_state(runs: Runs) -> None:
    """A run in every state, with tags, notes, alarms, a place in the queue, one that is being scored."""
    home = runs.home
    base = runs.make(name="baseline", fid=14.2)
    jobs.tag(home, base.id, ["keep", "paper"], [])
    jobs.note(home, base.id, "The first that is any good.")
    (base.checkpoints / "last").mkdir(parents=True)
    jobs.evaluate(home, base.id, {})
    runs.make(name="quick look", quick=True, fid=41.75, steps=120, total=120, seed=1)
    runs.make("digits-vae", "failed", 37, reason="out of memory: 512 images of 8×8 do not fit", fid=None)
    runs.make("photos-dcgan", "stopped", 150, reason="stopped by you", fid=None, spikes=(140,), alerts=3)
    runs.make("digits-cfg", "interrupted", 90, reason="the machine was restarted while it ran", fid=None)
    runs.make(
        "toonfaces-acgan", "lost", 12, reason="the trainer vanished while no worker was watching it", fid=None
    )
    silent = runs.live(60, name="silent one")
    for path in (silent.events_path(1), silent.log_path):
        os.utime(path, (NOW - 200, NOW - 200))
    runs.live(180, name="a run whose name is a good deal longer than its column", alerts=2)
    for name in ("next", "after that"):
        runs.make(status="queued", steps=0, name=name)


def rivals(runs: Runs) -> None:
    """Runs that a leaderboard ranks: seeds of one recipe, two metrics, alarms, reports beside old scores, and a run
    that was stopped before its report."""
    for seed, fid in enumerate((12.3, 11.9, 12.8)):
        run = runs.make(name=f"seed {seed}", fid=None, seed=seed)
        runs.selection(run, 300, fid - 0.4)
        runs.report(run, 300, fid)
        score(runs, run, "label_accuracy", 0.97 + seed / 100, 300, lower_is_better=False)
    runs.report(runs.make("digits-cfg", name="guided", fid=None, alerts=2), 300, 9.7, 0.31)
    runs.make("digits-vae", name="blurry", fid=60.25)
    runs.selection(runs.make("digits-unet", "stopped", 200, name="given up", fid=None), 100, 21.5)
    runs.make("toonfaces-acgan", fid=33.3, quick=True)


def pair(runs: Runs) -> None:
    """Two runs that differ in some settings."""
    one, two = runs.make(name="one", fid=None), runs.make(name="two", fid=None, quick=True, seed=2)
    for fid, run in ((14.2, one), (10.2, two)):
        runs.selection(run, 300, fid - 0.3)
        runs.report(run, 300, fid)


# -- ways there


async def over(d: Desk, name: str, *keys: str) -> Any:
    """Open a dialog, once all has come that is shown: below it nothing comes any more."""
    await d.settle()
    return await d.opens(name, *keys)


async def menu(d: Desk, runs: Runs) -> None:
    await d.sees("▸ digits-unet", "✓ here")


async def listed(d: Desk, runs: Runs) -> None:
    every_state(runs)
    screen = await d.opens("RunsScreen", "2")
    await d.until(lambda: len(screen.query_one(Table).rows) == 10)
    await d.sees("after that", "◐ stalled", "◇")
    await d.press("home")
    await d.sees("▸  ◌ queued", "Waiting for a free device.")


async def viewed(d: Desk, runs: Runs, pane: str = "c") -> Any:
    rich(runs)
    screen = await d.opens("RunScreen", "4")
    await d.until(lambda: screen.snapshot and screen.snapshot.evaluations)
    await d.sees("● running", "loss")
    await d.press(pane)
    return screen


async def laid_over(d: Desk, runs: Runs) -> Any:
    pair(runs)
    screen = await viewed(d, runs)
    dialog = await over(d, "OverlayScreen", "V")
    await d.sees("this run", "one", "two")
    dialog.query_one(Table).move_to(dialog._runs[1].id)
    await d.press("enter", "down", "b")
    await d.sees("2 of at most", "baseline")
    return screen


async def compared(d: Desk, runs: Runs, tab: str) -> None:
    pair(runs)
    dialog = await over(d, "ChooseScreen", "C")
    await d.until(lambda: len(dialog.query_one(Table).rows) == 2)
    await d.press("down", "space", "up", "space")
    await d.opens("CompareScreen", "enter")
    await d.sees("A one", "B two")
    await d.press(tab)


async def filled_in(d: Desk, runs: Runs, **texts: str) -> None:
    """The settings form of the first recipe, a run of which has told how fast it is."""
    runs.make()
    await menu(d, runs)
    form = (await over(d, "FormScreen", "e")).query_one(SettingsForm)
    await d.sees("✓", "epochs on digits")
    for label, text in texts.items():
        while form.entry.label != label:
            await d.press("down")
        await d.press(*("backspace",) * len(form.entry.text), *text)


async def playing(d: Desk, runs: Runs) -> Any:
    """The playground, its weights read by a process that is not there."""
    run = runs.make(name="first light")
    (run.checkpoints / "best").mkdir(parents=True)
    (run.checkpoints / "last").mkdir()
    grid_png(run.figures / "real.png", digit_tiles(seed=9))
    await d.opens("RunScreen", "4")
    await d.until(lambda: d.app.screen.snapshot)  # type: ignore[attr-defined]
    screen = await d.opens("PlaygroundScreen", "P")
    await d.sees("reading the weights")
    screen._take(screen._sampler, {
        "conditions": screen._labels.state(), "conditional": True, "which": "best", "step": 300, "device": "cpu",
    })  # fmt: skip
    await d.sees("label", "Enter draws")
    return screen


async def examined(d: Desk, runs: Runs, view: int) -> None:
    counts = np.eye(10, dtype=int) * 9 + np.eye(10, k=1, dtype=int)
    drawn(runs, counts.tolist())
    await d.opens("RunScreen", "4")
    await d.until(lambda: d.app.screen.snapshot)  # type: ignore[attr-defined]
    await d.opens("FeaturesScreen", "P")
    await d.press(*["p"] * view)
    await d.sees(f"{view + 1} of 3")


async def scored(d: Desk, runs: Runs) -> None:
    run = runs.make()
    (run.checkpoints / "last").mkdir(parents=True)
    await d.opens("RunScreen", "4")
    await d.until(lambda: d.app.screen.snapshot)  # type: ignore[attr-defined]
    await over(d, "EvaluateScreen", "E")


# -- main screens

SCENES["home"] = Scene("HomeScreen", menu)


@scene("HomeScreen", "home-preview")
async def _(d: Desk, runs: Runs) -> None:
    rich(runs)
    await menu(d, runs)
    await d.sees("FD 15.3")
    if "-wide" not in d.app.screen.classes:
        await d.press("p")
    await d.sees("Newest run", "your newest run", "▀")


@scene("HomeScreen", "home-filter")
async def _(d: Desk, runs: Runs) -> None:
    await d.press("slash", *"vae")
    await d.sees("cats-vae")


SCENES["runs"] = Scene("RunsScreen", listed)


def swept(runs: Runs) -> None:
    """A sweep between two other runs: one of it trains, one waits, one is done."""
    runs.make(name="before", fid=14.2)
    ends = (("0.0005", "done", 300, 10.4), ("0.002", "running", 180, None), ("0.005", "queued", 0, None))
    for rate, status, steps, fid in ends:
        run = runs.make(status=status, steps=steps, name=f"digits-unet lr={rate}", fid=fid, seed=steps)
        jobs.tag(runs.home, run.id, ["sweep-digits-unet-8960"], [])
    runs.make("digits-vae", "failed", 37, reason="out of memory: 512 images of 8×8 do not fit", fid=None)


@scene("RunsScreen", "runs-sweep")
async def _(d: Desk, runs: Runs) -> None:
    swept(runs)
    screen = await d.opens("RunsScreen", "2")
    await d.sees("▾ lr × 3 · digits-unet", "lr=0.002")
    await d.press("down", "down", "down")
    await d.until(
        lambda: screen.pane.shown is not None and screen.pane.shown.run.name == "digits-unet lr=0.002"
    )  # type: ignore[attr-defined]
    await d.sees("▀", "loss ")


@scene("RunsScreen", "runs-marked")
async def _(d: Desk, runs: Runs) -> None:
    await listed(d, runs)
    await d.press("down", "down", "space", "space", "o")


@scene("RunsScreen", "runs-filter")
async def _(d: Desk, runs: Runs) -> None:
    await listed(d, runs)
    await d.press("slash", *"digits lr>=x")
    await d.sees("✗")


@scene("RunsScreen", "runs-none")
async def _(d: Desk, runs: Runs) -> None:
    await d.opens("RunsScreen", "2")
    await d.sees("No runs yet")


@scene("LeaderboardScreen", "leaderboard")
async def _(d: Desk, runs: Runs) -> None:
    rivals(runs)
    await d.opens("LeaderboardScreen", "3")
    await d.sees("★ 1", "digits-cfg")
    await d.press("down")
    await d.sees("3 training seeds")


@scene("LeaderboardScreen", "leaderboard-none")
async def _(d: Desk, runs: Runs) -> None:
    await d.opens("LeaderboardScreen", "3")
    await d.press("slash", *"zz")
    await d.sees("Nothing matches")


@scene("MachineScreen", "machine")
async def _(d: Desk, runs: Runs) -> None:
    screen = await d.opens("MachineScreen", "5")
    await d.sees("NVIDIA H100", "idle, nothing runs")
    screen._timer.pause()
    await d.settle()
    screen._history = History()
    states = [
        replace(
            MACHINE, cpu=0.5 + 0.4 * math.sin(at / 6), gpus=(replace(GPU, utilisation=0.5 + 0.4 * math.cos(at / 9)),),
            traffic={"disk read": at * at << 14, "disk written": at << 20},
        )
        for at in range(90)
    ]  # fmt: skip
    for at, state in enumerate(states):
        screen._history.add(2.0 * at, state)
    screen._machine = states[-1]
    screen._fill()
    await d.sees("most ", "disk read")


# -- a run

for _name, _key, _seen in (
    ("charts", "c", "loss"), ("samples", "s", "· live"), ("scores", "Q", "real images"),
    ("health", "i", "diversity"), ("log", "g", "step 180"), ("settings", "o", "[data]"), ("net", "t", "attention"),
):  # fmt: skip

    @scene("RunScreen", f"run-{_name}")
    async def _(d: Desk, runs: Runs, key: str = _key, seen: str = _seen) -> None:
        await viewed(d, runs, key)
        await d.sees(seen)


@scene("RunScreen", "run-machine")
async def _(d: Desk, runs: Runs) -> None:
    await viewed(d, runs)
    await d.press("L")
    await d.sees("the machine (L)", "memory_percent")


@scene("RunScreen", "run-filter")
async def _(d: Desk, runs: Runs) -> None:
    await viewed(d, runs)
    await d.press("slash", *"lr|^grad")
    await d.sees("left out by lr|^grad", "grad_norm")


@scene("RunScreen", "run-log-filter")
async def _(d: Desk, runs: Runs) -> None:
    await viewed(d, runs, "g")
    await d.sees("loss 0.0300")
    await d.press("slash", *"0.03[0-9]", "enter")
    await d.until(lambda: "loss 0.0600" not in d.text)


@scene("RunScreen", "run-chart-alone", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    screen = await viewed(d, runs)
    await d.press("enter", "vertical_line", "shift+left")
    await d.sees("at step")
    await d.until(lambda: screen.viewport.cursor < 180)
    screen.say("")  # of how many there is room for, where it began


@scene("RunScreen", "run-heat")
async def _(d: Desk, runs: Runs) -> None:
    await viewed(d, runs)
    await d.press("d")
    await d.sees("heat map of")


@scene("RunScreen", "run-overlaid")
async def _(d: Desk, runs: Runs) -> None:
    screen = await laid_over(d, runs)
    await d.opens("RunScreen", "escape")
    await d.until(lambda: len(screen.chart_data.charts[0]) == 3)


@scene("RunScreen", "run-real")
async def _(d: Desk, runs: Runs) -> None:
    await viewed(d, runs, "B")
    await d.sees("training images")


@scene("RunScreen", "run-queued")
async def _(d: Desk, runs: Runs) -> None:
    runs.make(status="queued", steps=0, name="next")
    await d.opens("RunScreen", "4")
    await d.sees("Waiting for a free device")


@scene("RunScreen", "run-failed")
async def _(d: Desk, runs: Runs) -> None:
    reason = "out of memory: 512 images of 8×8 do not fit; try -o data.batch_size=128"
    runs.make("digits-vae", "failed", 37, reason=reason, fid=None, samples=0)
    await d.opens("RunScreen", "4")
    await d.sees("✗ failed", "out of memory")
    await d.press("s")
    await d.sees("no pictures yet")


@scene("PictureScreen", "picture")
async def _(d: Desk, runs: Runs) -> None:
    await viewed(d, runs)
    await d.opens("PictureScreen", "z")
    await d.sees("· live")


SCENES["overlay"] = Scene("OverlayScreen", laid_over, keeps_its_start=True)

# -- runs side by side

for _name, _key in (("scores", "Q"), ("settings", "o"), ("samples", "s"), ("charts", "c")):

    @scene("CompareScreen", f"compare-{_name}")
    async def _(d: Desk, runs: Runs, key: str = _key) -> None:
        await compared(d, runs, key)
        await d.sees({"Q": "★", "o": "steps", "s": "the newest of each", "c": "loss"}[key])


@scene("ChooseScreen", "choose")
async def _(d: Desk, runs: Runs) -> None:
    every_state(runs)
    await over(d, "ChooseScreen", "C")
    await d.press("down", "space", "down", "space", "down")
    await d.sees("2 runs marked")


# -- forms


@scene("FormScreen", "form", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    await filled_in(d, runs, name="mine", steps="600")


@scene("FormScreen", "form-mistake", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    await filled_in(d, runs, name="mine", steps="many")
    await d.sees("✗ 1 problem")


@scene("FormScreen", "form-sweep", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    await filled_in(d, runs, seed="0|1|2", lr="1e-3|1e-4")
    await d.sees("6 runs")


@scene("EvaluateScreen", "evaluate", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    await scored(d, runs)
    await d.sees("metrics", "sampler", "goes into the queue")


@scene("EvaluateScreen", "evaluate-mistake", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    await scored(d, runs)
    await d.press(*",fit")
    await d.sees("✗")


@scene("ExportScreen", "export", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    rivals(runs)
    await d.opens("LeaderboardScreen", "3")
    await d.sees("★ 1")
    await over(d, "ExportScreen", "x")
    await d.sees("lines", "digits-unet")


# -- playground

SCENES["playground"] = Scene("PlaygroundScreen", playing)


@scene("PlaygroundScreen", "playground-drawn", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    screen = await playing(d, runs)
    await d.press("f7", "f5")
    await d.sees("Drawing")
    path = runs.home / "drawn.png"
    grid_png(path, digit_tiles(4, 4))
    number = screen._pending[0]
    screen._take(screen._sampler, {
        "id": number, "path": str(path), "rows": 4, "columns": 4, "which": "best", "step": 300,
    })  # fmt: skip
    await d.sees("Done.", "▀")


@scene("PlaygroundScreen", "playground-mistake")
async def _(d: Desk, runs: Runs) -> None:
    screen = await playing(d, runs)
    form = screen.query_one(SettingsForm)
    while form.entry.label != "images":
        await d.press("down")
    await d.press("0", "0", "f5")
    await d.sees("Not drawn.")


for _view, _name in enumerate(("class", "domain", "confusion")):

    @scene("FeaturesScreen", f"features-{_name}")
    async def _(d: Desk, runs: Runs, view: int = _view) -> None:
        await examined(d, runs, view)


# -- dialogs


@scene("HelpScreen", "help")
async def _(d: Desk, runs: Runs) -> None:
    await d.opens("LeaderboardScreen", "3")
    await over(d, "HelpScreen", "question_mark")
    await d.sees("(this screen)")


@scene("FindScreen", "palette", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    await d.opens("LeaderboardScreen", "3")
    await over(d, "FindScreen", "ctrl+p")
    await d.press(*"run")
    await d.sees("View run")


@scene("JumpScreen", "jump", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    await viewed(d, runs, "g")
    await d.sees("step 180")
    await over(d, "JumpScreen", "ctrl+o")
    await d.sees("a1 Recipes")


for _name, _key, _typed, _seen in (
    ("prompt-tags", "T", "+good -keep -a", "+good -keep -a"),
    ("prompt-notes", "N", "Yes.", "Yes."),
    ("prompt-name", "f2", "", "Name of baseline"),
):

    @scene("PromptScreen", _name)
    async def _(d: Desk, runs: Runs, key: str = _key, typed: str = _typed, seen: str = _seen) -> None:
        await listed(d, runs)
        d.app.screen.query_one(Table).action_end(True)
        await over(d, "PromptScreen", key)
        await d.press(*typed)
        await d.sees(seen)


@scene("ConfirmScreen", "confirm")
async def _(d: Desk, runs: Runs) -> None:
    await listed(d, runs)
    await d.press("end", "space", "up", "up", "space")
    await over(d, "ConfirmScreen", "D")
    await d.sees("Delete 2 runs")


@scene("NoticeScreen", "notice", keeps_its_start=True)
async def _(d: Desk, runs: Runs) -> None:
    await menu(d, runs)
    d.app.screen.query_one(Table).move_to("celeba-unet")
    await over(d, "LaunchScreen", "enter")
    await over(d, "NoticeScreen", "enter")
    await d.sees("Data missing")


@scene("LaunchScreen", "launch")
async def _(d: Desk, runs: Runs) -> None:
    await menu(d, runs)
    await over(d, "LaunchScreen", "enter")
    await d.sees("no estimate yet")


@scene("CopyScreen", "copy")
async def _(d: Desk, runs: Runs) -> None:
    from gentui.tui.screens.copy import CopyScreen

    await d.opens("LeaderboardScreen", "3")
    await d.settle()
    d.app.push_screen(
        CopyScreen({"id": "an id", "command": "gentui run digits-unet", "path": "/home/me/runs/an id"})
    )
    await d.on("CopyScreen")


@scene("PreferencesScreen", "preferences")
async def _(d: Desk, runs: Runs) -> None:
    dialog = await over(d, "PreferencesScreen", "f10")
    await d.press("down")
    dialog.query(Static).first(Static).update("Saved in /home/me/.config/gentui/app.json")


@scene("TourScreen", "tour")
async def _(d: Desk, runs: Runs) -> None:
    await d.opens("LeaderboardScreen", "3")
    await over(d, "TourScreen", "f12")


# -- what is told in the corner


@scene("RunsScreen", "told")
async def _(d: Desk, runs: Runs) -> None:
    """Deleted, brought back; a scoring that failed."""
    show_notices(d.app)
    await listed(d, runs)
    await d.press("end", "up")
    await over(d, "ConfirmScreen", "D")
    await d.opens("RunsScreen", "y")
    await d.sees("quick look is in the trash", "▸  ✓ done         baseline")
    await d.press("u")
    await d.sees("is back.", "10 · newest first")
    d.app.on_evaluation_finished(
        EvaluationFinished("a run was not evaluated: no weights of inception here", "error")
    )
    await d.sees("was not evaluated")
