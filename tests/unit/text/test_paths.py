"""Which paths stay inside a directory, and what is never opened."""

import errno
import os

import pytest

from engine.runs.files import NotAPlainFile, open_plain_file
from gentui.text.paths import is_inside, resolve_inside
from gentui.text.tail import CUT, Tail


@pytest.mark.parametrize("path", ["a.png", "samples/a.png", "./a", "a..b/c", "...", "a//b"])
def test_a_relative_path_stays_inside(path, tmp_path):
    assert is_inside(path) and resolve_inside(tmp_path, path) == (tmp_path / path).resolve()


@pytest.mark.parametrize("path", ["", "/etc/passwd", "..", "../a", "a/../../b", "a/..", "a\0b"])
def test_a_path_that_leads_outside_is_refused(path, tmp_path):
    assert not is_inside(path) and resolve_inside(tmp_path, path) is None


def test_links_are_followed_only_as_long_as_they_stay_inside(tmp_path):
    run, outside = tmp_path / "run", tmp_path / "outside.png"
    run.mkdir()
    (run / "real.png").touch()
    outside.touch()
    (run / "near.png").symlink_to("real.png")
    (run / "far.png").symlink_to(outside)
    (run / "up").symlink_to(tmp_path)
    (run / "loop").symlink_to("loop")
    assert resolve_inside(run, "near.png") == run / "real.png"
    assert resolve_inside(run, "near.png", follow_links=False) is None
    assert resolve_inside(run, "real.png", follow_links=False) == run / "real.png"
    for path in ("far.png", "up/outside.png"):
        assert resolve_inside(run, path) is None and resolve_inside(run, path, follow_links=False) is None
    assert resolve_inside(run, "loop", follow_links=False) is None


def test_only_plain_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    for name in ("fifo", "."):
        with pytest.raises(NotAPlainFile):
            open_plain_file(tmp_path / name)
    with pytest.raises(OSError) as error:
        open_plain_file(tmp_path / "link")
    assert error.value.errno == errno.ELOOP
    with os.fdopen(open_plain_file(tmp_path / "file")) as file:
        assert file.read() == "text"


def test_a_tail_follows_a_file_that_grows_is_replaced_or_is_huge(tmp_path):
    log = tmp_path / "log.txt"
    tail = Tail(log, keep=3, chunk=100)
    assert tail.read() == () and tail.stamp() is None
    log.write_text("one\ntw")
    assert tail.read() == ("one", "tw")
    with log.open("a") as file:
        file.write("o\nthree\nfour\n")
    assert tail.read() == ("two", "three", "four")
    log.write_text("new\n")
    assert tail.read() == ("new",)
    with log.open("a") as file:
        file.writelines(f"line {number}\n" for number in range(1000))
    assert tail.read()[-1] == "line 999" and CUT not in tail.read()[1:]
    log.unlink()
    os.mkfifo(log)
    assert tail.read() == ()
