"""Where the index of a home is kept that other machines share."""

from __future__ import annotations

import pytest

from gentui.cli import doctor
from gentui.index import Index, elsewhere
from gentui.index.elsewhere import own_place


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """Pretend that these folders are on file systems that machines share."""

    def shared(*folders):
        monkeypatch.setattr(
            elsewhere, "is_shared", lambda path: any(f in (path, *path.parents) for f in folders)
        )
        monkeypatch.setattr("engine.runs.filesystems.is_shared", elsewhere.is_shared)

    for name in ("home", "cache", "tmp"):
        (tmp_path / name).mkdir(mode=0o700)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return shared


def test_on_a_disk_of_this_machine_it_is_in_the_home(tmp_path, shared):
    shared()
    assert own_place(tmp_path / "home") == tmp_path / "home/index.db"
    assert doctor._file_system(tmp_path / "home").ok


def test_a_shared_home_has_an_index_in_the_users_cache(tmp_path, shared):
    home = tmp_path / "home"
    shared(home)
    index = Index(home)
    index.refresh()
    assert index.path.is_relative_to(tmp_path / "cache") and index.path.exists() and not index.note
    assert not list(home.glob("index*"))
    check = doctor._file_system(home)
    assert check.ok and f"this machine's index is {index.path}" in check.detail


def test_a_shared_cache_is_no_place_for_it(tmp_path, shared):
    shared(tmp_path / "home", tmp_path / "cache")
    place = own_place(tmp_path / "home")
    assert place.is_relative_to(tmp_path / "tmp") and place.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_write_to_is_no_place_for_it(tmp_path, shared, monkeypatch):
    shared(tmp_path / "home", tmp_path / "cache")
    place = own_place(tmp_path / "home")
    place.parent.parent.chmod(0o777)
    assert not own_place(tmp_path / "home").is_relative_to(tmp_path / "tmp")


def test_the_doctor_tells_locks_that_do_not_lock(tmp_path, shared, monkeypatch):
    import fcntl

    shared()
    monkeypatch.setattr(fcntl, "flock", lambda *given: None)
    check = doctor._file_system(tmp_path / "home")
    assert not check.ok and "two processes can hold one lock" in check.detail and check.fix
