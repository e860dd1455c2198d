"""Fixtures of these tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import hypothesis.configuration
import pytest
from hypothesis import settings

from tests.support import cases
from tests.support.world import World

settings.load_profile("gentui")


@pytest.fixture(scope="session", autouse=True)
def _no_folder_of_hypothesis(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What hypothesis keeps for later is of no use with fixed cases, and would lie in the working directory."""
    hypothesis.configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))


@pytest.fixture(autouse=True)
def _denormal_numbers() -> None:
    """Another test may have had them flushed to zero, as a trainer does; hypothesis draws them, too."""
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def _world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A home with runs, a folder with files, and pretended processes; see ``World``."""
    _world.pretend(monkeypatch)
    yield _world


def pytest_report_header() -> str:
    return f"cases: {cases.SCALE:g} times the usual number (GENTUI_CASES)"
