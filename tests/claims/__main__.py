"""Print the table of claims; see the package."""

from __future__ import annotations

import sys

from gentui.config.home import resolve_home
from tests.claims.experiments import Laboratory, NotTrained
from tests.claims.reports import CLAIMS, Claim

WORDS = {True: "holds", False: "does not hold", None: "not told by these runs"}


def row(claim: Claim, laboratory: Laboratory) -> str:
    """A claim's row, for which its experiments are trained."""
    if claim.judge is None:
        return f"| {claim.report} | {claim.sentence} | | | cannot be tested here: {claim.why_not} |"
    verdict = claim.judge({name: laboratory.measured(name) for name in claim.needs})
    return f"| {claim.report} | {claim.sentence} | {claim.what} | {verdict.figures} | {WORDS[verdict.holds]} |"


def main(words: list[str]) -> int:
    laboratory = Laboratory(resolve_home(), trains="--no-training" not in words)
    words = [word for word in words if word != "--no-training"]
    print("| report | it found | what was run | measured | verdict |\n|---|---|---|---|---|", flush=True)
    for claim in CLAIMS:
        if not words or any(word in f"{claim.report} {claim.sentence}" for word in words):
            try:
                print(row(claim, laboratory), flush=True)
            except NotTrained as missing:
                print(f"{claim.sentence}: {missing} is not trained", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
