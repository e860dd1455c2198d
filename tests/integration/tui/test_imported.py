"""A run of another program in the app: all that shows runs shows it, all that would train or draw refuses."""

from __future__ import annotations

import fcntl
import json
import os

import pytest
from PIL import Image

from engine.runs.directory import RunDir
from gentui.imports import importer
from gentui.imports.discovery import find
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.fact_list import FactList
from tests.support.app import Desk
from tests.support.logs import WandbFile
from tests.support.textual_private import notices


@pytest.fixture
def imported(home, tmp_path) -> RunDir:
    """A run that was logged with wandb."""
    log = WandbFile(tmp_path / "theirs")
    log.add(
        run={
            "run_id": "x",
            "display_name": "their run",
            "tags": ["paper"],
            "start_time": "2025-06-01T10:00:00Z",
        }
    )
    log.add(
        config={"update": [{"key": "lr", "value_json": "0.001"}, {"key": "net", "value_json": '{"width": 64}'}]}
    )
    log.files.mkdir()
    for step in range(60):
        log.log(step, **{"loss": 1 / (step + 1), "val/acc": step / 60, "_timestamp": 1748772000.0 + step})
        seconds = f"2025-06-01T10:00:{step:02}Z"
        log.add(stats={"timestamp": seconds, "item": [{"key": "gpu.0.temp", "value_json": str(step)}]})
        if step % 20 == 0:
            Image.new("RGB", (16, 16), (0, 4 * step, 90)).save(log.files / f"{step}.png")
            log.log(step, **{"drawn": {"_type": "image-file", "path": f"{step}.png", "caption": f"at {step}"}})
    log.add(output_raw={"line": "epoch one\nepoch two\n"})
    log.add(exit={"exit_code": 1})
    (opener,) = find(str(log.path))
    return importer.take(home, opener, "").run


def told(d: Desk, words: str) -> bool:
    return any(words in one.message for one in notices(d.app))


async def test_logs_are_imported_from_the_list_of_runs(desk, home, tmp_path):
    (tmp_path / "mine.jsonl").write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    async with desk((120, 40)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("No runs yet: 1, then Enter on a recipe; I imports those of", "other scripts.")
        await d.opens("PromptScreen", "I")
        await d.press("enter")
        await d.sees("give the path of a file or folder")
        await d.paste(str(tmp_path / "nothing"))
        await d.press("enter")
        await d.until(lambda: told(d, "there is nothing at"))
        await d.opens("PromptScreen", "I")
        await d.paste(str(tmp_path / "mine.jsonl"))
        await d.press("enter")
        await d.until(lambda: told(d, "mine (jsonl): 2 points, 1 series"))
        await d.sees("✓ done")
        await d.opens("PromptScreen", "I")
        await d.paste(str(tmp_path))
        await d.press("enter")
        await d.until(lambda: told(d, "can be imported: it should be"))


async def opened(d: Desk):
    await d.opens("RunsScreen", "2")
    await d.sees("their run")
    screen = await d.opens("RunScreen", "enter")
    await d.until(lambda: screen.chart_data and screen.chart_data.groups)
    return screen


async def test_a_run_of_wandb_has_its_curve_its_sample_and_its_settings(desk, size, imported):
    async with desk(size) as d:
        screen = await opened(d)
        await d.sees("✗ failed", "their run", "step 59", "loss")
        assert screen.chart_data.groups == [("loss",), ("val/acc",)]
        assert screen.chart_data.charts[0][0].points == 60
        await d.press("L")
        await d.until(lambda: screen.chart_data.groups == [("system/gpu.0.temp",)])
        await d.press("L")
        for axis in ("epoch", "time", "images", "step"):
            await d.press("a")
            await d.until(
                lambda axis=axis: screen.chart_layout.axis == axis and screen.chart_data.charts[0][0].x[-1] > 1
            )
        await d.press("s")
        await d.sees("step 40", "drawn: at 40")
        await d.press("left_square_bracket")
        await d.sees("drawn: at 20")
        await d.press("o")
        await d.sees("lr = 0.001", '"net.width" = 64')
        await d.press("g")
        await d.sees("epoch one", "epoch two")


@pytest.mark.parametrize(
    ("key", "what"), [("E", "evaluate"), ("P", "playground"), ("e", "edit"), ("R", "resume")]
)
async def test_what_needs_a_recipe_or_a_checkpoint_is_refused_in_a_sentence(desk, imported, key, what):
    before = imported.read_state()
    async with desk((160, 45)) as d:
        await opened(d)
        await d.press(key)
        told = "was imported from wandb: it has no recipe or checkpoint here"
        await d.until(lambda: any(told in notice.message for notice in notices(d.app)))
        assert type(d.app.screen).__name__ == "RunScreen"
    assert imported.read_state() == before


async def test_one_that_is_followed_is_stopped_from_the_app_and_no_checkpoint_is_promised(desk, imported):
    lock = imported.open_lock()
    fcntl.flock(lock, fcntl.LOCK_EX)
    imported.write_state(imported.read_state().with_(status="running", ended_at=None, started_at=1748772000.0))
    try:
        async with desk((160, 45)) as d:
            await opened(d)
            await d.opens("ConfirmScreen", "S")
            await d.sees("It is no longer followed; the script that logs it goes on.")
            await d.opens("RunScreen", "escape")
            await d.opens("MachineScreen", "5")
            await d.sees("idle")
    finally:
        os.close(lock)


async def test_three_runs_of_wandb_show_list_curves_config_and_summary_at_once(desk, home, tmp_path):
    """The first screen of wandb's own viewer: runs, curves, and an overview of the one under the cursor."""
    for number, lr in enumerate((0.001, 0.0005, 0.002)):
        log = WandbFile(tmp_path / f"theirs-{number}")
        log.add(run={"run_id": f"x{number}", "display_name": f"try {number}"})
        settings = {"lr": lr, "batch": 64, "net": {"width": 32}}
        log.add(config={"update": [{"key": key, "value_json": json.dumps(it)} for key, it in settings.items()]})
        for step in range(60):
            values = {"train/loss": 1 / (step + 1 + number), "val/loss": 2 / (step + 1), "acc": step / 60}
            log.log(step, **values, grad_norm=1.0 + step % 2, _timestamp=1748772000.0 + step)
        log.add(exit={"exit_code": 0})
        importer.take(home, find(str(log.path))[0], "")
    async with desk((140, 42)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.sees("try 0", "try 1", "try 2", "█▂▂▁▁▁▁▁")
        await d.until(lambda: len([box for box in screen.query(Chart) if box.display]) == 4)
        await d.sees("train/loss", "val/loss", "acc", "grad_norm", "─ settings", "1 differs", "─ last values")
        facts = [one._facts for one in screen.query(FactList).results(FactList)]
        assert facts[0][:1] == (("config.lr", "0.002", "accent"),) and len(facts[0]) == 3
        assert dict(fact[:2] for fact in facts[1])["train/loss"] == "0.01613"
        await d.press("down")
        await d.until(lambda: "✓ done  try 1" in d.text and "0.0005" in d.text)
