"""How many cases there are."""

import importlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import cases


def test_there_are_thousands_of_cases():
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.fuzz.{path.stem}")
    assert sum(cases.counted.values()) >= 5000 * cases.SCALE, cases.counted


@pytest.mark.parametrize(("scale", "number"), [(1, 30), (0.1, 3), (0.001, 1), (10, 300)])
def test_as_many_are_counted_as_are_drawn(monkeypatch, scale, number):
    monkeypatch.setattr(cases, "SCALE", scale)
    monkeypatch.setattr(cases, "counted", {})

    @given(st.none())
    @cases.cases(30, times=2)
    def test(nothing: None) -> None:
        pass

    assert [*cases.counted.values()] == [2 * number]
    assert settings.get_current_profile_name() == "gentui"
    assert getattr(test, "_hypothesis_internal_use_settings").max_examples == number  # noqa: B009 - private
