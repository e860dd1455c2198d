"""Every kind of illness, as a real run of the command, raises its alarm. Healthy twins are in test_quick_recipes.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.ills import ILLS, alarms, fall_ill, interval


@pytest.mark.parametrize("ill", ILLS, ids=lambda ill: ill.name)
def test_an_ill_run_raises_its_alarm_within_two_evaluations(ill, tmp_path: Path):
    run = fall_ill(ill, tmp_path, to_the_end=False)
    said = next((alarm for alarm in alarms(run) if alarm["name"] == ill.alarm), None)
    assert said is not None, [alarm["sentence"] for alarm in alarms(run)]
    assert said["began"] <= said["step"] <= said["began"] + 2 * interval(run)
    assert said["sentence"].endswith(".") and said["cause"] and said["remedy"]
