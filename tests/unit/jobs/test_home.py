from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gentui.config.home import HomeError, resolve_home


def test_the_option_wins_over_the_environment_and_that_over_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("GENTUI_HOME", raising=False)
    assert resolve_home() == tmp_path / "data" / "gentui"
    monkeypatch.setenv("GENTUI_HOME", str(tmp_path / "env"))
    assert resolve_home() == tmp_path / "env"
    assert resolve_home(tmp_path / "option") == tmp_path / "option"
    monkeypatch.setenv("GENTUI_HOME", "")
    assert resolve_home() == tmp_path / "data" / "gentui"


def test_a_home_is_made_private_and_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = resolve_home("deep/er")
    assert home == tmp_path / "deep" / "er" and stat.S_IMODE(home.stat().st_mode) == 0o700
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_home("~/there") == tmp_path / "there"


def test_a_home_that_cannot_be_is_one_clear_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for bad in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(HomeError, match="choose another with --home"):
            resolve_home(bad)
