"""Make every kind of run fall ill and print what the panel said: ``python -m tests.health [WORD …]``.

With words, only the ills whose names hold one of them. The table in docs/results.md is made this way.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.ills import ILLS, alarms, fall_ill, interval


def main(words: list[str]) -> int:
    missed = 0
    print(
        "| what is wrong | alarm | began | said at | an interval | sentence |\n|---|---|---|---|---|---|",
        flush=True,
    )
    for ill in ILLS:
        if words and not any(word in ill.name for word in words):
            continue
        with tempfile.TemporaryDirectory() as folder:
            run = fall_ill(ill, Path(folder))
            found = alarms(run)
            said = next((alarm for alarm in found if alarm["name"] == ill.alarm), None)
            also = ", ".join(alarm["name"] for alarm in found if alarm is not said)
            if said is None:
                missed += 1
                print(f"| {ill.name} | none ({also}) | | | {interval(run)} | |", flush=True)
                continue
            words_also = f" (also: {also})" if also else ""
            print(f"| {ill.name} | {said['name']} | {said['began']} | {said['step']} | {interval(run)} | "
                  f"{said['sentence']}{words_also} |", flush=True)  # fmt: skip
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
