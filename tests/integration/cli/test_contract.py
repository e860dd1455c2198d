"""The public contract: what scripts rely on is extended, never renamed. ``tests/contract.json`` says what that is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gentui.cli.main import cli
from tests.support.contract import CONTRACT, broken, commands, observe

PROMISED: dict[str, Any] = json.loads(CONTRACT.read_text())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return observe(tmp_path_factory.mktemp("contract"))


def test_every_command_and_option_is_still_there():
    now = commands(cli)
    assert not set(PROMISED["commands"]) - set(now)
    for name, promised in PROMISED["commands"].items():
        here = {tuple(parameter["names"]): parameter for parameter in now[name]}
        for parameter in promised:
            same = here.get(tuple(parameter["names"]))
            assert same is not None, f"gentui {name}: {parameter['names']} is gone"
            assert {**same, "choices": []} == {**parameter, "choices": []}
            assert set(parameter["choices"]) <= set(same["choices"])


@pytest.mark.parametrize("part", ["json", "exit codes", "home", "files", "events"])
def test_what_scripts_read_has_kept_its_shape(kept, part):
    assert broken(PROMISED[part], kept[part], f".{part}") == []


@pytest.mark.parametrize(
    ("promised", "now", "breaks"),
    [
        ({"a": "text"}, {"a": "text", "b": "number"}, 0),
        ({"a": "text"}, {"b": "text"}, 1),
        ({"a": "number"}, {"a": "text"}, 1),
        ({"a": "number"}, {"a": "null"}, 0),
        ({"a": [{"b": "text"}]}, {"a": [{"c": "text"}]}, 1),
        ({"metrics": {"loss": "number"}}, {"metrics": {}}, 0),
    ],
)
def test_a_break_is_seen_and_an_extension_is_none(promised, now, breaks):
    assert len(broken(promised, now, ".json")) == breaks
