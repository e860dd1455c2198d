"""File systems that hosts share: how they are told, and the lock that works on them."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from engine.runs import among_hosts as module
from engine.runs import directory, filesystems
from engine.runs.among_hosts import NAME, among_hosts, among_hosts_for_long
from engine.runs.directory import exclusive
from tests.support.waiting import wait_for

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:50 / /home rw,relatime - nfs4 server:/home rw,vers=4.2,local_lock=none
31 22 0:51 / /data/a\\040b rw - lustre mds@tcp:/scratch rw
32 22 0:52 / /mnt/box rw - fuse.sshfs me@box: rw
33 22 0:53 / /run/user/0/doc rw - fuse.portal portal rw
34 30 0:54 / /home/me/local rw - xfs /dev/sdb rw
35 22 0:55 / /mnt/over rw - ext4 /dev/sdc rw
36 22 0:56 / /mnt/over rw - cifs //server/share rw
37 22 0:57 / /old rw - nfs server:/old rw,vers=3,local_lock=all
38 22 0:58 / /scratch rw - lustre mds@tcp:/scratch rw,flock,user_xattr
"""


@pytest.fixture
def mounts(tmp_path, monkeypatch):
    (tmp_path / "mountinfo").write_text(MOUNTS)
    monkeypatch.setattr(filesystems, "_MOUNTS", tmp_path / "mountinfo")
    monkeypatch.setattr(filesystems.os.path, "realpath", lambda path: str(path))
    monkeypatch.setattr(filesystems.os, "stat", lambda path: os.lstat("/"))
    filesystems._kind.cache_clear()
    yield
    filesystems._kind.cache_clear()


@pytest.mark.parametrize(
    ("path", "kind", "shared"),
    [
        ("/srv/home", "ext4", False),
        ("/home", "nfs4", True),
        ("/home/me/runs", "nfs4", True),
        ("/homeless", "ext4", False),
        ("/home/me/local/runs", "xfs", False),
        ("/data/a b/runs", "lustre", True),
        ("/mnt/box/x", "fuse.sshfs", True),
        ("/run/user/0/doc/x", "fuse.portal", False),
        ("/mnt/over/x", "cifs", True),
    ],
)
def test_the_last_mount_above_a_path_tells_its_file_system(mounts, path, kind, shared):
    assert (filesystems.kind_of(path), filesystems.is_shared(path)) == (kind, shared)


@pytest.mark.parametrize(
    ("path", "own"),
    [("/home/x", False), ("/old/x", True), ("/data/a b/x", True), ("/scratch/x", False), ("/srv", False)],
)
def test_mount_options_tell_whether_locks_are_of_one_machine_only(mounts, path, own):
    assert filesystems.has_own_locks(path) is own


def test_a_home_that_is_marked_is_shared_and_so_are_its_jobs(tmp_path):
    run = tmp_path / "runs" / "20260101-000000-00000"
    run.mkdir(parents=True)
    places = (tmp_path, tmp_path / "runs", run)
    assert not any(map(filesystems.is_shared, places))
    filesystems.mark_shared(tmp_path)
    assert all(map(filesystems.is_shared, places)) and not filesystems.is_shared(tmp_path.parent)
    with exclusive(run):
        assert (run / NAME).exists()
    assert (tmp_path / filesystems.MARK).stat().st_mode & 0o777 == 0o600


def test_this_machine_tells_where_a_folder_is_that_is_not_there_yet(tmp_path):
    assert filesystems.kind_of(tmp_path / "not" / "yet") == filesystems.kind_of(tmp_path) != ""
    assert filesystems.kind_of("/proc/self") == "proc"


def _count(folder: str, boot: str, times: int) -> None:
    """Add to a number in a file, under the lock that a host with this boot id takes."""
    for _ in range(times):
        with among_hosts(Path(folder), boot):
            file = Path(folder) / "number"
            file.write_text(str(int(file.read_text()) + 1))


def test_hosts_exclude_each_other(tmp_path):
    (tmp_path / "number").write_text("0")
    method = multiprocessing.get_context("fork")
    hosts = [method.Process(target=_count, args=(str(tmp_path), f"boot {n}", 40)) for n in range(3)]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join()
    assert [host.exitcode for host in hosts] == [0, 0, 0]
    assert (tmp_path / "number").read_text() == "120"
    assert [path.name for path in tmp_path.iterdir()] == ["number"]


def _left(folder: Path, boot: str, seconds: float) -> None:
    (folder / NAME).write_text(json.dumps({"host": "other", "boot": boot, "token": "left"}))
    then = (folder / NAME).stat().st_mtime - seconds
    os.utime(folder / NAME, (then, then))


@pytest.mark.parametrize(("boot", "seconds"), [("ours", 0), ("theirs", module.ABANDONED_AFTER + 1)])
def test_what_a_dead_process_or_host_left_locked_is_taken(tmp_path, boot, seconds):
    _left(tmp_path, boot, seconds)
    with among_hosts(tmp_path, "ours"):
        assert json.loads((tmp_path / NAME).read_text())["boot"] == "ours"
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_holds_it_is_named_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    _left(tmp_path, "theirs", 0)
    with pytest.raises(OSError, match="other holds its lock") as raised, among_hosts(tmp_path, "ours"):
        pass
    assert raised.value.errno == errno.ETIMEDOUT
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_changes_of_state_take_that_lock_where_hosts_share_the_home(tmp_path, monkeypatch):
    with exclusive(tmp_path):
        assert not (tmp_path / NAME).exists()
    monkeypatch.setattr(directory, "is_shared", lambda path: True)
    with exclusive(tmp_path):
        assert (tmp_path / NAME).exists()
    assert not (tmp_path / NAME).exists()


def test_on_a_full_disk_it_is_held_and_let_go_of_all_the_same(tmp_path, monkeypatch):
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "write", full)
    with among_hosts(tmp_path, "ours"):
        assert (tmp_path / NAME).read_bytes() == b""
        other = module.HostLock(tmp_path / NAME, "theirs")
        assert not other.take() and other.holder() == "another host"
    assert list(tmp_path.iterdir()) == []


def test_who_holds_it_for_long_shows_life_and_whoever_waits_is_called(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RENEWED_AFTER", 0.01)
    path = tmp_path / "lock"
    with among_hosts_for_long(path, "ours"):
        os.utime(path, (0, 0))
        wait_for(lambda: path.stat().st_mtime > 0, "a sign of life")
        assert not module.HostLock(path, "theirs").take()
    assert list(tmp_path.iterdir()) == []
    _left(tmp_path, "theirs", 0)
    waited = []

    def waiting() -> None:
        waited.append(True)
        (tmp_path / NAME).unlink(missing_ok=True)

    with among_hosts_for_long(tmp_path / NAME, "ours", waiting):
        assert waited == [True]


def test_one_that_was_taken_from_us_is_neither_renewed_nor_removed(tmp_path):
    mine, theirs = (module.HostLock(tmp_path / "lock", boot) for boot in ("ours", "theirs"))
    assert mine.take()
    os.utime(tmp_path / "lock", (0, 0))
    assert not theirs.take() and theirs.take()
    mine.release()
    assert json.loads((tmp_path / "lock").read_text())["boot"] == "theirs"
    theirs.release()
    assert list(tmp_path.iterdir()) == []
