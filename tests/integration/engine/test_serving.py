"""A checkpoint kept ready to draw from: its pictures are those of the command, and nothing outlives it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.support.serving import Served, command


@pytest.fixture
def served(trained):
    made = Served(trained)
    yield made
    made.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--n=6", "--seed=3", "--steps=4"],
        ["--label=7", "--n=2", "--seed=1", "--to-seed=2", "--frames=3"],
        ["--n=2", "--seed=3", "--steps=4", "--neighbours=3"],
    ],
    ids=["process", "between seeds", "neighbours"],
)
def test_what_is_drawn_and_saved_equals_the_command_byte_for_byte(served, trained, tmp_path, arguments):
    served.ask(id=1, arguments=arguments)
    drawn, before = served.until_answered()
    assert before[0]["conditions"]["classes"] == list("0123456789") and before[0]["conditional"]
    path = Path(drawn["path"])
    assert path.parent == served.folder and path.read_bytes() == command(
        trained, tmp_path / f"command{path.suffix}", *arguments
    )
    for suffix in (".png", ".gif", ".npy"):
        served.ask(id=2, save=str(tmp_path / f"saved{suffix}"))
        assert served.until_answered()[0] == {"id": 2, "saved": str(tmp_path / f"saved{suffix}")}
        saved = (tmp_path / f"saved{suffix}").read_bytes()
        assert saved == command(trained, tmp_path / f"again{suffix}", *arguments), suffix


def test_images_are_seen_as_they_come_out_of_the_noise(served):
    served.ask(id=1, arguments=["--n=8", "--label=3", "--steps=2000"])
    served.hear()
    seen = served.hear()
    assert seen["of"] == 2000 and 0 <= seen["done"] < 2000 and (seen["rows"], seen["columns"]) == (1, 8)
    assert seen["count"] == 8 and "names" not in seen, "of one label only"
    with Image.open(seen["path"]) as picture:
        assert picture.size == (8 * 34 + 2, 36)
    # what is under way ends with the terminal: the fixture closes stdin now


def test_mistakes_are_answered_with_a_sentence_and_the_next_request_is_served(served, tmp_path):
    served.ask(id=1, save=str(tmp_path / "a.png"))
    assert served.hear() == {"id": 1, "error": "nothing was drawn yet"}
    served.ask(id=2, arguments=["--label=nine"])
    assert "no class 'nine'" in served.until_answered()[0]["error"]
    served.ask(id=3, arguments=["--n=12", "--steps=1"])
    drawn = served.until_answered()[0]
    assert Path(drawn["path"]).is_file()
    assert (drawn["rows"], drawn["columns"], drawn["count"]) == (2, 10, 12) and drawn["names"] == [
        *"012345678901"
    ]
    served.ask(id=4, save=str(tmp_path / "no" / "such" / "a.npy"))
    assert "cannot be written" in served.until_answered()[0]["error"]
    assert {path.name for path in served.folder.iterdir()} - {"live-3.png"} == {"3.png"}


def test_a_checkpoint_that_was_replaced_is_read_anew(served, trained):
    served.ask(id=1, arguments=["--n=1", "--checkpoint=last"])
    _, before = served.until_answered()
    assert [heard["which"] for heard in before if "which" in heard] == ["last"]
    link = trained.checkpoints / "last"
    place = link.resolve()
    other = place.with_name("step-000000009")
    place.rename(other)
    link.unlink()
    link.symlink_to(other.name)
    best = trained.checkpoints / "best"
    best.unlink()
    best.symlink_to(other.name)
    served.ask(id=2, arguments=["--n=1", "--checkpoint=last"])
    _, before = served.until_answered()
    assert [heard["which"] for heard in before if "which" in heard] == ["last"]
    served.ask(id=3, arguments=["--n=1", "--checkpoint=last"])
    assert not any("which" in heard for heard in served.until_answered()[1])
    served.ask(id=4, arguments=["--n=1", "--checkpoint=3"])
    assert served.until_answered()[0]["step"] == 3
    served.ask(id=5, arguments=["--n=1", "--checkpoint=5"])
    assert "choose best, last, 3 or 6" in served.until_answered()[0]["error"]


def test_drawing_touches_nothing_of_the_run(served, trained):
    def state() -> dict[str, tuple[int, int]]:
        found = (path.lstat() for path in sorted(trained.path.rglob("*")))
        return {str(number): (stat.st_mtime_ns, stat.st_size) for number, stat in enumerate(found)}

    before = state()
    served.ask(id=1, arguments=["--n=3", "--checkpoint=last"])
    assert "path" in served.until_answered()[0]
    assert state() == before
    priority = os.getpriority(os.PRIO_PROCESS, served.process.pid)
    assert priority >= os.getpriority(os.PRIO_PROCESS, 0) + 5 or priority == 19, "training comes first"


def test_it_ends_with_its_reader_though_nothing_was_asked(trained):
    Served(trained).close()


@pytest.mark.parametrize(
    "arguments", [["--n=8", "--steps=2000"], ["--label=nine"]], ids=["drawing", "a mistake"]
)
def test_it_ends_and_leaves_nothing_when_nobody_is_there_for_its_answers(trained, arguments):
    served = Served(trained)
    served.process.stdout.close()
    served.ask(id=1, arguments=arguments)
    assert served.process.wait(60) == 0  # its stdin is open
    assert not served.folder.exists()
    assert "BrokenPipeError" not in served.process.stderr.read()
