"""Decoded images in the cache: written whole or not at all, mapped ever after, made by one process at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data import store, toonfaces
from engine.data.dataset import DataError
from engine.data.store import Writer, load_or_build
from engine.runs.among_hosts import HostLock

IMAGES = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)


def build(writer: Writer) -> None:
    writer.add(IMAGES[:1])
    writer.add(IMAGES[1])
    writer.describe({"labels": np.array([7, 9]), "rows": np.ones((2, 3), np.uint8)}, note="hello")


def never(writer: Writer) -> None:
    raise AssertionError("it is kept already")


def test_what_was_written_is_read_back_without_making_it_again(cache):
    for stored in (load_or_build("some", build), load_or_build("some", never)):
        assert np.array_equal(stored.images.numpy(), IMAGES)
        assert stored.arrays["labels"].tolist() == [7, 9] and stored.arrays["rows"].shape == (2, 3)
        assert stored.info["note"] == "hello" and len(stored.info["sha256"]) == 64
    assert [p.name for p in cache.iterdir()] == ["some.images"]
    assert (cache / "some.images").stat().st_mode & 0o777 == 0o600 and cache.stat().st_mode & 0o777 == 0o700


def test_the_file_stays_as_it_is_whatever_is_done_to_the_images(cache):
    load_or_build("some", build).images.zero_()
    assert np.array_equal(load_or_build("some", never).images.numpy(), IMAGES)


def test_equal_content_has_an_equal_hash_and_other_content_another(cache):
    def other(writer: Writer) -> None:
        build(writer)
        writer.describe({"labels": np.array([7, 8]), "rows": np.ones((2, 3), np.uint8)}, note="hello")

    one, same, changed = load_or_build("one", build), load_or_build("two", build), load_or_build("three", other)
    assert one.info["sha256"] == same.info["sha256"] != changed.info["sha256"]


SPOILED = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:50],
    "cut by one": lambda content: content[:-1],
    "longer": lambda content: content + b"x",
    "foreign": lambda content: b"x" * len(content),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_damaged_file_is_made_anew(cache, spoil):
    load_or_build("some", build)
    path = cache / "some.images"
    path.write_bytes(spoil(path.read_bytes()))
    assert np.array_equal(load_or_build("some", build).images.numpy(), IMAGES)
    assert np.array_equal(load_or_build("some", never).images.numpy(), IMAGES)


def test_work_given_up_leaves_nothing_behind(cache):
    class Asked(Exception):
        pass

    def stopped(writer: Writer) -> None:
        writer.add(IMAGES)
        raise Asked

    with pytest.raises(Asked):
        load_or_build("some", stopped)
    assert [p.suffix for p in cache.iterdir()] == [".lock"]
    assert len(load_or_build("some", build).images) == 2


def test_a_second_process_waits_and_makes_nothing(cache):
    entered, go_on, waited = threading.Event(), threading.Event(), threading.Event()

    def slow(writer: Writer) -> None:
        entered.set()
        assert go_on.wait(30)
        build(writer)

    first = threading.Thread(target=load_or_build, args=("some", slow))
    first.start()
    assert entered.wait(30)

    def waiting() -> None:
        waited.set()
        go_on.set()

    assert len(load_or_build("some", never, waiting).images) == 2
    first.join()
    assert waited.is_set()


def test_without_a_place_for_the_cache_images_are_made_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert np.array_equal(load_or_build("some", build).images.numpy(), IMAGES)


def test_a_full_disk_is_a_sentence(cache, monkeypatch):
    def full(writer: Writer) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match=r"No space left on device.*XDG_CACHE_HOME"):
        load_or_build("some", full)
    assert not list(cache.glob("*.images")) and not list(cache.glob(".*"))


def test_what_nobody_has_used_for_long_is_removed(cache):
    load_or_build("old", build)
    load_or_build("used", build)
    (cache / ".half.images.x").write_bytes(b"")
    past = time.time() - 100 * 86400
    for name in ("old.images", "used.images", ".half.images.x"):
        os.utime(cache / name, (past, past))
    load_or_build("used", never)
    load_or_build("new", build)
    assert {p.name for p in cache.iterdir()} == {"used.images", "new.images"}


# faces are written by two processes into one file


def test_faces_drawn_by_two_processes_are_those_drawn_by_one(cache, monkeypatch):
    said = []
    two = toonfaces.faces(11, 128, lambda done, total: said.append((done, total)))
    assert said[-1] == (11, 11) and all(0 <= done <= 11 and total == 11 for done, total in said)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "another"))
    monkeypatch.setattr(toonfaces.sys, "executable", "/bin/false")  # no second process is to be had
    one = toonfaces.faces(11, 128)
    (cache / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "file"))
    none = toonfaces.faces(11, 128)
    assert torch.equal(two.images, one.images) and torch.equal(one.images, none.images)
    assert two.info["sha256"] == one.info["sha256"] == none.info["sha256"]


def test_asked_to_stop_the_second_process_is_gone_too(cache, monkeypatch):
    class Asked(Exception):
        pass

    started = []
    popen = subprocess.Popen

    def remember(*args, **kwargs):
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(toonfaces.subprocess, "Popen", remember)

    def stop(done, total):
        raise Asked

    with pytest.raises(Asked):
        toonfaces.faces(5000, 128, stop)
    assert started[0].returncode is not None
    assert not list(cache.glob("*.images")) and not list(Path(cache).glob(".*.images.*"))


def test_another_machine_that_shares_the_cache_is_waited_for(cache, monkeypatch):
    monkeypatch.setattr(store, "is_shared", lambda path: True)
    path = store.cache_folder() / "some.hosts-lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    theirs = HostLock(path, "the boot of another machine")
    assert theirs.take()
    load_or_build("some", build, waiting=theirs.release)
    assert not path.exists() and np.array_equal(load_or_build("some", never).images.numpy(), IMAGES)


def test_where_a_shared_file_system_has_no_links_images_are_made_without_a_lock(cache, monkeypatch):
    def link(*paths: object) -> None:  # as exFAT and some network drives answer
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(store, "is_shared", lambda path: True)
    monkeypatch.setattr(os, "link", link)
    assert np.array_equal(load_or_build("some", build).images.numpy(), IMAGES)
    assert np.array_equal(load_or_build("some", never).images.numpy(), IMAGES)
