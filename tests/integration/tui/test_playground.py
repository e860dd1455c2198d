"""The playground: what is asked for, drawn, saved and stopped; its pictures are those of ``gentui sample``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from gentui.tui.screens.playground_fields import IMAGES
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.viewer import Viewer
from tests.support.engine import SMALL, finish, trainer
from tests.support.runs import digit_tiles, grid_png
from tests.support.terminal import Terminal
from tests.support.textual_private import notices
from tests.support.waiting import wait_for


def train(home: Path, recipe: str = "digits-unet", **changes: Any) -> RunDir:
    """A few steps of the real trainer."""
    own = {
        key: value for key, value in SMALL.items() if recipe == "digits-unet" or not key.startswith("model.")
    }
    settings = load(recipe).with_values({**own, "train.steps": 2, "evaluate.times": 1, **changes})
    info = {"name": "", "recipe": settings.name, "family": settings.family, "dataset": settings.dataset}
    run = RunDir.create(home, settings.to_toml(), info, State(status="done"))
    code, output = finish(trainer(run))
    assert code == 0, output
    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> RunDir:
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def run(trained: RunDir, home: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """A run with real weights, by a link; the threads of a test are few."""
    monkeypatch.setenv("GENTUI_THREADS", "1")
    (home / "runs").mkdir()
    (home / "runs" / trained.id).symlink_to(trained.path)
    return RunDir(home / "runs" / trained.id)


def command_line(home: Path, words: list[str], folder: Path) -> bytes:
    """What the command writes in a folder."""
    assert words[0] == "gentui"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gentui", "--home", str(home), *words[1:]],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (written,) = folder.iterdir()
    return written.read_bytes()


async def choose(d: Any, form: SettingsForm, label: str, text: str) -> None:
    """Go to a field and have this text in it, by keys."""
    for _ in form.entries:
        await d.press("up")
    while form.entry.label != label:
        await d.press("down")
    if form.entry.choices:
        while form.entry.text != text:
            await d.press("right")
    else:
        await d.press(*("backspace",) * len(form.entry.text), *text)


async def opened(d: Any) -> Any:
    """The playground of the newest run, its weights read."""
    await d.opens("RunScreen", "4")
    await d.until(lambda: d.app.screen.snapshot)
    screen = await d.opens("PlaygroundScreen", "P")
    await d.until(lambda: screen._is_conditional)
    return screen


def processes_of(run: RunDir) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"engine.inference.server" in (
                words := (entry / "cmdline").read_bytes()
            ):
                found += [int(entry.name)] if str(run.path).encode() in words else []
        except OSError:
            pass
    return found


async def test_what_is_drawn_and_saved_is_what_the_command_writes(desk, size, home, run, tmp_path, monkeypatch):
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.mkdir()
    theirs.mkdir()
    monkeypatch.chdir(mine)
    async with desk(size) as d:
        screen = await opened(d)
        form, viewer = screen.query_one(SettingsForm), screen._viewer
        assert [entry.label for entry in form.entries] == [
            "label", "sampler", "steps", "images", "seed", "to seed", "frames", "neighbours", "checkpoint",
            "file",
        ]  # fmt: skip
        await choose(d, form, "label", "7")
        await choose(d, form, "sampler", "heun")
        await choose(d, form, "steps", "4")
        await choose(d, form, "images", "6")
        await choose(d, form, "seed", "11")
        await choose(d, form, "file", "six.npy")
        words = screen.command("six.npy")
        assert words[2] == run.id and {"--label=7", "--sampler=heun", "--steps=4", "--n=6", "--seed=11"} < {
            *words
        }
        assert shlex.join(words)[:60] in d.text.replace("\n", "")
        await d.press("f5")
        await d.sees("Done.")
        await d.until(lambda: viewer.picture.strips)
        await d.press("f2")
        await d.sees("Wrote")
        saved = (mine / "six.npy").read_bytes()
        await d.press("escape")
        await d.on("RunScreen")
    assert saved == command_line(home, words, theirs)


async def test_images_are_seen_as_they_come_and_escape_leaves_nothing(desk, run):
    async with desk() as d:
        screen = await opened(d)
        form = screen.query_one(SettingsForm)
        await choose(d, form, "steps", "9000")
        await d.press("f5")
        await d.sees("sampling step")
        drawer, folder = screen._sampler, screen._sampler._folder
        assert folder.is_dir() and processes_of(run) == [drawer.process.pid]
        await d.press("escape")
        await d.sees("stopped; Enter draws")
        await d.until(lambda: not processes_of(run) and not folder.exists())
        await choose(d, form, "steps", "2")
        await d.press("f5")
        await d.sees("Done.")
        assert screen._sampler is not drawer
        folder = screen._sampler._folder
        await d.press("escape")
        await d.on("RunScreen")
        await d.until(lambda: not processes_of(run) and not folder.exists())


async def test_mistakes_stand_beside_their_field_and_nothing_is_drawn(desk, run, quick_sampler):
    async with desk((160, 45)) as d:
        screen = await opened(d)
        form = screen.query_one(SettingsForm)
        for field, wrong, told in (
            ("steps", "x", "whole number"), ("images", "0", "1 to 256"), ("seed", "-1", "whole number"),
            ("to seed", "1.5", "whole number"), ("frames", "1", "2 to 240"), ("file", "a.jpg", "should end in"),
            ("file", "no/such/a.png", "no such directory"),
        ):  # fmt: skip
            await choose(d, form, field, wrong)
            assert told in form.entry.problem, field
            await d.press("f5")
            await d.sees("Not drawn.")
            assert screen._pending is None
            await d.press("f4")
            assert not screen.problems


async def test_between_two_seeds_moves_and_saves(desk, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with desk((160, 45)) as d:
        screen = await opened(d)
        form, viewer = screen.query_one(SettingsForm), screen._viewer
        assert "--frames=12" not in screen.arguments()
        for field, text in (
            ("steps", "1"),
            ("images", "2"),
            ("to seed", "5"),
            ("frames", "3"),
            ("file", "way.gif"),
        ):
            await choose(d, form, field, text)
        await d.press("f7")
        await d.until(lambda: screen.query_one("#playground-real", Viewer).picture.strips)
        await d.sees("training images")
        await d.press("f7")
        await d.until(lambda: "training images" not in d.text)
        await d.press("f2")  # draws first
        await d.sees("Wrote")
        await d.until(lambda: viewer.is_animated and len(viewer._frames) == 3)
        from PIL import Image

        with Image.open(tmp_path / "way.gif") as film:
            assert film.n_frames == 3  # type: ignore[attr-defined]


async def test_the_training_images_nearest_to_what_is_drawn_stand_beside_it(desk, size, run):
    async with desk(size) as d:
        screen = await opened(d)
        form, viewer = screen.query_one(SettingsForm), screen._viewer
        for field, text in (("steps", "1"), ("images", "2"), ("neighbours", "17")):
            await choose(d, form, field, text)
        await d.sees("from 1 to 16")
        await choose(d, form, "neighbours", "3")
        await choose(d, form, "to seed", "5")
        await d.until(lambda: "second seed" in screen.problems["neighbours"])
        await choose(d, form, "to seed", "")
        await d.press("f5")
        await d.sees("Done.")
        assert "--neighbours=3" in screen.arguments() and "beside each: its nearest" in viewer._detail
        grid = viewer._sheet.grid
        assert (grid.rows, grid.columns, grid.row_names) == (2, 4, ("0", "1"))
        assert grid.column_names == ("sample", "nearest", "2.", "3.")


async def test_a_process_that_dies_is_told_and_another_is_started(desk, run, quick_sampler):
    async with desk() as d:
        screen = await opened(d)
        os.kill(screen._sampler.process.pid, 9)
        await d.sees("The sampler process has ended")
        await choose(d, screen.query_one(SettingsForm), "steps", "1")
        await d.press("f5")
        await d.sees("Done.")


@pytest.mark.parametrize("is_drawing", [False, True])
def test_a_closed_terminal_ends_what_draws(home, run, tmp_path, monkeypatch, is_drawing):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    t = Terminal(home, 100, 40)
    try:
        t.sees("✓ here")
        t.press("4")
        t.sees("Charts", "loss")
        t.press("P")
        t.sees("best checkpoint, step")
        if is_drawing:
            t.press("\x1b[B\x1b[B9000\r")  # steps; Enter
            t.sees("sampling step")
        assert processes_of(run) and list(tmp_path.glob("gentui-playground-*"))
        t.hang_up()
        t.ended()
        wait_for(
            lambda: not processes_of(run) and not list(tmp_path.glob("gentui-playground-*")),
            "what draws to end with the app",
        )
    finally:
        t.close()


async def test_only_what_fits_the_method_is_offered(desk, home, runs, undrawn):
    made = runs.make("toonfaces-acgan")
    (made.path / "checkpoints" / "last").mkdir(parents=True)
    async with desk((160, 45)) as d:
        await d.opens("RunScreen", "4")
        await d.until(lambda: d.app.screen.snapshot)
        screen = await d.opens("PlaygroundScreen", "P")
        form = screen.query_one(SettingsForm)
        assert [entry.label for entry in form.entries][:2] == ["images", "seed"]
        known = screen._labels
        told = {"conditions": known.state(), "conditional": True, "which": "last", "step": 3, "device": "cpu"}
        screen._take(screen._sampler, told)
        labels = [entry.label for entry in form.entries]
        assert len(labels) == len(known.group_ranges) + 7 and "sampler" not in labels
        hair = next(entry for entry in form.entries if "hair" in entry.label)
        await choose(d, form, hair.label, hair.choices[2])
        assert screen.options["label"] == hair.choices[2] and screen.options["n"] == IMAGES
        assert known.indices(screen.options["label"])


async def test_a_run_without_weights_or_images_has_no_playground(desk, runs):
    runs.make()
    async with desk() as d:
        await d.opens("RunScreen", "4")
        await d.until(lambda: d.app.screen.snapshot)
        await d.press("P")
        await d.until(lambda: any("has no checkpoint yet" in n.message for n in notices(d.app)))


async def test_while_a_gpu_trains_pictures_are_drawn_on_the_cpu(desk, run, runs, undrawn):
    live = runs.live(20)
    live.write_state(live.read_state().with_(slot="cuda:0"))
    async with desk() as d:
        await d.until(lambda: d.app._activity.running)
        d.app.open_run(run.id)
        await d.on("RunScreen")
        await d.until(lambda: d.app.screen.snapshot)
        screen = await d.opens("PlaygroundScreen", "P")
        assert screen.command("a.png")[-4:] == ["--device", "cpu", "-o", "a.png"]


async def test_real_images_stand_beside_the_generated_ones(desk, size, runs):
    made = runs.make()
    grid_png(made.path / "figures" / "real.png", digit_tiles(seed=9))
    runs.event(made, "figure", 100, name="real", path="figures/real.png", caption="training images")
    async with desk(size) as d:
        screen = await d.opens("RunScreen", "4")
        await d.until(lambda: screen.snapshot and screen.snapshot.figures)
        real, gallery = screen.query_one("#real", Viewer), screen.query_one("#gallery", Viewer)
        await d.press("B")
        await d.until(lambda: real.picture.strips and gallery.picture.strips)
        assert real.is_on_screen and gallery.is_on_screen and "training images" in d.text
        assert real._sheet.grid.rows == gallery._sheet.grid.rows == 10
        await d.press("B")
        await d.until(lambda: not real.is_on_screen and gallery.is_on_screen)


async def test_letters_are_deeds_while_a_field_is_only_highlighted(desk, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with desk((160, 45)) as d:
        screen = await opened(d)
        form = screen.query_one(SettingsForm)
        await choose(d, form, "steps", "1")
        await choose(d, form, "images", "2")
        await d.press("enter")  # ends the number, and draws
        await d.sees("Done.")
        assert "--n=2" in screen._newest and "--steps=1" in screen._newest
        await d.press("right")
        assert form.entry.text == "3", "arrows change a number by one"
        await d.press("left")
        await d.opens("CopyScreen", "Y")
        await d.sees("gentui sample", "--n=2")
        await d.press("c", "escape")
        assert d.app.clipboard == shlex.join(screen.command(screen._out))
        await d.on("PlaygroundScreen")
        while form.entry.label != "file":
            await d.press("down")
        await d.press("enter", *("backspace",) * 50, *"sy.png", "enter")
        assert form.entry.text == "sy.png", "letters are text while a text is edited"
        await d.press("s")
        await d.sees("Wrote")
        assert (tmp_path / "sy.png").is_file()
        while form.entry.label != "label":
            await d.press("up")
        await d.press("7")
        assert form.entry.text == "7" and screen.options["label"] == "7"
        await d.press("z")
        await d.on("PictureScreen")
        await d.press("escape")
        await d.on("PlaygroundScreen")


async def test_what_was_drawn_is_brought_back_with_its_fields_and_shown_beside_another(
    desk, run, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    async with desk((160, 45)) as d:
        screen = await opened(d)
        form, viewer = screen.query_one(SettingsForm), screen._viewer
        await choose(d, form, "steps", "1")
        await choose(d, form, "seed", "5")
        await d.press("enter")
        await d.until(lambda: len(screen._history.drawn) == 1)
        first = viewer._sheet.path
        await d.press("n")
        await d.until(lambda: len(screen._history.drawn) == 2)
        await d.sees("any · seed 6", "2 of 2 drawn")
        assert "--seed=6" in screen.arguments() and first.is_file()
        await d.press("b")
        other = screen.query_one("#playground-other", Viewer)
        await d.until(lambda: other.is_on_screen and other.picture.strips)
        assert other._sheet.path == first
        await d.press("left_square_bracket")
        await d.sees("any · seed 5", "1 of 2 drawn")
        assert viewer._sheet.path == first and "--seed=5" in screen.arguments()
        await d.press("s")  # of the older one, which the sampler has to draw again
        await d.sees("Wrote")
        drawn = next(tmp_path.glob("*.png")).read_bytes()
        assert drawn == first.read_bytes()
        await d.press("left_square_bracket", "left_square_bracket")
        await d.sees("Nothing was drawn before it.")
        assert screen.query_one("#playground-history").region, "the pictures drawn so far stand below"


async def test_pictures_fill_the_pane_under_the_names_of_their_classes(desk, run):
    async with desk((120, 36)) as d:
        screen = await opened(d)
        form, viewer = screen.query_one(SettingsForm), screen._viewer
        await choose(d, form, "steps", "1")
        await choose(d, form, "images", "16")
        await d.press("enter")
        await d.sees("Done.")
        await d.until(lambda: viewer._drawn.total == 16 and viewer._drawn.last == 16)
        names = "".join(strip.text for strip in viewer.picture.strips if "▀" not in strip.text)
        assert names.split() == [*"0123456789012345"]
        assert viewer.picture._shown.width > 60, "enlarged"


async def test_training_images_are_scrolled_by_keys(desk, run):
    grid_png(run.path / "figures" / "real.png", digit_tiles(seed=9))
    async with desk((80, 24)) as d:
        screen = await opened(d)
        await d.press("J")
        await d.sees("B shows training images")
        await d.press("B")
        real = screen.query_one("#playground-real", Viewer)
        await d.until(lambda: real.picture.strips)
        await d.sees("images, J for more")
        await d.press("J")
        await d.until(lambda: real._drawn.at == 1)
        await d.press("K")
        await d.until(lambda: real._drawn.at == 0)
        await d.press("K")
        await d.sees("No more training images on that side")
