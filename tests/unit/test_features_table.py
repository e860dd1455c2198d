"""The table "Beside other tools" of the README: made of ``features.toml``, and each of its cells has its proof there.

``python -m tests.unit.test_features_table`` writes it anew.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
README = HERE.parent / "README.md"
FOUND: dict[str, Any] = tomllib.loads((HERE / "features.toml").read_text())
ROWS: list[dict[str, Any]] = FOUND["row"]
TOOLS: dict[str, str] = FOUND["tools"]
OURS, LEET = "gentui", "LEET"
HAS, HAS_NOT, UNKNOWN = "✓", "–", "·"
BEGIN, END = "<!-- features -->\n", "<!-- end of features -->"


def table() -> str:
    """The section's table with its sources."""
    rivals = [tool for tool in TOOLS if tool != OURS]
    lines = [f"| | {' | '.join([OURS, *(f'{tool} {TOOLS[tool]}' for tool in rivals)])} |", "|---" * 6 + "|"]
    for row in ROWS:
        if "group" in row:
            lines.append(f"| **{row['group']}** | | | | | |")
        cells = [f"[{c[0]}][{c[1]}]" if len(c) == 3 else c[0] for c in (row[tool] for tool in TOOLS)]
        lines.append(f"| {row['feature']} | {' | '.join(cells)} |")
    sources = FOUND["sources"]
    told = "; ".join(f"[{source['what']}][{name}]" for name, source in sources.items())
    links = "\n".join(f"[{name}]: {source['url']}" for name, source in sources.items())
    return (
        "\n".join(lines)
        + f"\n\nLooked at on {FOUND['looked']}. {HAS} has it, {HAS_NOT} says itself that it has not, "
        f"{UNKNOWN} nothing was found of it. Every cell of gentui is shown by a test, every other links its source\n"
        f"([tests/features.toml](tests/features.toml)): {told}.\n\n{links}\n"
    )


def cells() -> list[tuple[str, str, list[str]]]:
    return [(row["feature"], tool, row[tool]) for row in ROWS for tool in TOOLS]


def test_the_readme_has_the_table():
    assert README.read_text().partition(BEGIN)[2].partition(END)[0] == table(), (
        "python -m tests.unit.test_features_table writes it anew"
    )


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
        source = (HERE / path).read_text()
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


if __name__ == "__main__":
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(before + BEGIN + table() + END + rest.partition(END)[2])
