"""Decoding a folder of images: stopped or killed anywhere, it goes on, and ends with what an undisturbed one makes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data import folders, resumable, store
from engine.data.dataset import Dataset, open_dataset
from engine.recipes.recipe import load
from tests.support.waiting import wait_for

COUNT = 120


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    draws = np.random.default_rng(0)
    for number in range(COUNT):
        path = folder / f"class{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (12, 12, 3), np.uint8)).save(path)
    for number in range(5):
        (folder / "class0" / f"damaged{number}.png").write_bytes(b"no image")
    (folder / "class1" / "copy.png").write_bytes((folder / "class1" / "1.png").read_bytes())
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def choose(name: str) -> Path:
        monkeypatch.setattr(store, "cache_folder", lambda: tmp_path / name)
        return tmp_path / name

    return choose


def opened(photos: Path, progress=None) -> Dataset:
    recipe = load("digits-unet", [f"data.path={photos}", "data.dataset=imagefolder", "data.image_size=8",
                                  "data.batch_size=4"])  # fmt: skip
    return open_dataset(recipe.data, progress)


class Interrupted(Exception):
    pass


def assert_same(one: Dataset, other: Dataset) -> None:
    assert one.fingerprint == other.fingerprint and one.warnings == other.warnings
    for a, b in ((one.train, other.train), (one.test, other.test)):
        assert torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)


@pytest.mark.parametrize("sync_seconds", [0.0, 5.0])
def test_interrupted_anywhere_it_goes_on_where_it_was(photos, cache, monkeypatch, sync_seconds):
    monkeypatch.setattr(resumable, "SYNC_SECONDS", sync_seconds)
    cache("undisturbed")
    expected = opened(photos)
    decode, decoded = folders.decode, []

    def counted(path, size):
        decoded.append(path)
        return decode(path, size)

    monkeypatch.setattr(folders, "decode", counted)
    kept = cache("interrupted")
    calls = 0
    for allowed in range(20, 10_000, 37):
        calls = 0

        def report(done, total, allowed=allowed):
            nonlocal calls
            calls += 1
            if calls > allowed:
                raise Interrupted

        try:
            dataset = opened(photos, report)
            break
        except Interrupted:
            assert {path.suffix for path in kept.iterdir()} == {".unfinished", ".journal", ".lock"}
    assert_same(dataset, expected)
    assert [path.suffix for path in kept.iterdir()] == [".images"]
    good = [path for path in decoded if "damaged" not in path]
    assert len(good) < 4 * COUNT, "what was decoded is decoded again"


def test_killed_it_goes_on(photos, cache, tmp_path):
    cache("undisturbed")
    expected = opened(photos)
    kept = cache("interrupted")
    script = (
        "import sys, time; from pathlib import Path\n"
        "from engine.data import folders, resumable, store\n"
        "from tests.integration.data.test_interrupted_decoding import opened\n"
        "store.cache_folder = lambda: Path(sys.argv[2]); resumable.SYNC_SECONDS = 0\n"
        "decode = folders.decode\n"
        "folders.decode = lambda path, size: (time.sleep(0.02), decode(path, size))[1]\n"
        "opened(Path(sys.argv[1]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(photos), str(kept)], cwd=Path(__file__).parents[3]
    )

    def pixels() -> int:
        return sum(path.stat().st_size for path in kept.glob(".*.unfinished")) if kept.is_dir() else 0

    wait_for(lambda: pixels() > 20 * 3 * 8 * 8 or process.poll() is not None, "20 decoded images", seconds=120)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert pixels()
    (journal,) = kept.glob(".*.journal")
    with journal.open("ab") as file:  # as if the system had crashed: said, and not written
        file.write(b"\1" * 200)
    assert_same(opened(photos), expected)


def test_too_few_images_leave_nothing_behind(tmp_path, cache):
    kept = cache("few")
    folder = tmp_path / "few images"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no image")
    with pytest.raises(Exception, match="add images"):
        opened(folder)
    assert not [path for path in kept.iterdir() if path.suffix != ".lock"]
