"""What ranks tell each other: real processes that meet in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import rank_talk
from tests.support.processes import Forked


def talk(folder: Path, *work: str) -> list[dict[str, Any]]:
    """What each rank has seen when the ranks did this ``work``, one kind each, and then worked once more."""
    code = f"import runpy; runpy.run_path({rank_talk.__file__!r}, run_name='__main__')"
    ranks = [Forked(["-c", code, folder, number, len(work), kind]) for number, kind in enumerate(work)]
    for process in ranks:
        output, errors = process.communicate()
        assert process.wait() == 0, output + errors
    return [json.loads((folder / f"{number}.json").read_text()) for number in range(len(work))]


def test_the_leader_gets_what_all_have_made_in_order(tmp_path):
    leader, *others = talk(tmp_path, "well", "well", "well")
    assert leader["first"] == leader["second"] == [0, 10, 20]
    assert all(other["heard"] == ["work", "work", "end"] for other in others)
    assert leader["copied"] == others[0]["copied"] == others[1]["copied"] == [7, 8]
    assert leader["equal"] == [True, False]


@pytest.mark.parametrize(
    ("own", "of_other", "error"),
    [
        ("well", "badly", "RankFailed: rank 1: ValueError: no"),
        ("well", "hungrily", "OutOfMemoryError: rank 1: CUDA out of memory"),
        ("badly", "well", "ValueError: no"),
        ("badly", "endlessly", "ValueError: no"),
    ],
)
def test_a_failure_anywhere_is_the_leaders_and_all_go_on(tmp_path, own, of_other, error):
    leader, other = talk(tmp_path, own, of_other)
    assert leader["first"] == error
    assert leader["second"] == [0, 10]
    assert other["heard"] == ["work", "work", "end"]
