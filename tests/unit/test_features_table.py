"""The comparison with other tools: each cell of ``features.toml`` has its evidence there.

``test_docs.py`` compares the table in ``docs/comparison.md`` with it; ``python docs/generate.py`` writes that.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
FOUND: dict[str, Any] = tomllib.loads((TESTS / "features.toml").read_text())
ROWS: list[dict[str, Any]] = FOUND["row"]
TOOLS: dict[str, str] = FOUND["tools"]
OURS, LEET = "gentui", "LEET"
HAS, HAS_NOT, UNKNOWN = "✓", "–", "·"


def cells() -> list[tuple[str, str, list[str]]]:
    return [(row["feature"], tool, row[tool]) for row in ROWS for tool in TOOLS]


def test_every_row_has_a_cell_for_every_tool_and_stands_once():
    assert all(row.keys() - {"group", "feature"} == TOOLS.keys() for row in ROWS)
    assert len({row["feature"] for row in ROWS}) == len(ROWS)


def test_what_gentui_has_is_shown_by_a_test():
    for feature, tool, cell in cells():
        if tool != OURS:
            continue
        assert cell[0] in (HAS, HAS_NOT), feature
        if cell[0] == HAS_NOT:
            continue
        path, _, name = cell[1].partition("::")
        source = (TESTS / path).read_text()
        assert re.search(rf"^(async )?def {re.escape(name)}\(", source, re.MULTILINE), f"{feature}: {cell[1]}"


def test_what_is_said_of_another_tool_names_its_source():
    for feature, tool, cell in cells():
        if tool == OURS:
            continue
        if cell[0] == UNKNOWN:
            assert len(cell) == 1, f"{feature}: {tool}"
        else:
            _, source, words = cell
            assert FOUND["sources"][source]["url"].startswith("https://") and words, f"{feature}: {tool}"


def test_every_source_is_used():
    assert {cell[1] for _, tool, cell in cells() if tool != OURS and len(cell) > 1} == FOUND["sources"].keys()


def test_leet_has_nothing_that_gentui_has_not():
    assert not [
        row["feature"] for row in ROWS if row[LEET][0] not in (HAS_NOT, UNKNOWN) and row[OURS][0] != HAS
    ]
