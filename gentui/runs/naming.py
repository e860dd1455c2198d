"""What runs are called: by their label, apart from each other, and several at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gentui.runs.compare import different
from gentui.text.numbers import plural
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from gentui.index import RunRow


def label(run: Any) -> str:
    """The run's own name, else its recipe's, else its id. Not cleaned."""
    return run.name or run.recipe or run.id


def distinct_labels(runs: Sequence[Any]) -> dict[str, str]:
    """Cleaned names by run id, no two of them equal."""
    names = names_that_differ(runs, [label(run) for run in runs])
    return {run.id: clean(name, 60) for run, name in zip(runs, names, strict=True)}


def list_names(runs: Sequence[Any]) -> str:
    """One run by its label; several as ``3 runs (a, b, c)``, with the names of the first four."""
    if len(runs) == 1:
        return label(runs[0])
    names = ", ".join(label(run) for run in runs[:4])
    return f"{plural(len(runs), 'run')} ({names}{', …' if len(runs) > 4 else ''})"


_SWEEP = re.compile(r"sweep-.+-[0-9a-f]{4}")


def sweep_of(run: Any) -> str:
    """The tag of the sweep that a run belongs to; "" for none."""
    return next((tag for tag in run.tags if _SWEEP.fullmatch(tag)), "")


def swept_values(run: Any) -> tuple[list[str], str]:
    """The values of its sweep that the label of a run names, ``lr=0.002``, and the rest of the label, which all of the
    sweep have. Not cleaned."""
    words = label(run).split(" ")
    return [word for word in words if "=" in word], " ".join(word for word in words if "=" not in word)


def swept_first(run: Any) -> str:
    """The label of a run, of one of a sweep with the swept values before what all of it are called: in a list they are
    what differs. Not cleaned."""
    values, rest = swept_values(run)
    return f"{' '.join(values)} · {rest}" if values and rest and sweep_of(run) else label(run)


def which(runs: Sequence[Any]) -> str:
    """Runs as a question names them, so that they can be told from others of the same recipe: one by its label and when
    it was begun, several as ``3 runs (a, b, c)`` by names that differ."""
    if len(runs) > 1:
        shown = runs[:4]
        apart = distinct_labels(shown)
        names = [
            apart[run.id] if label(run) in apart[run.id] else f"{label(run)} {apart[run.id]}" for run in shown
        ]
        return f"{plural(len(runs), 'run')} ({', '.join(names)}{', …' if len(runs) > 4 else ''})"
    begun = moment(runs[0].started_at or runs[0].created_at)
    return f"{label(runs[0])} ({begun})" if begun else label(runs[0])


def moment(at: float | str | None) -> str:
    """A unix time or ISO date as local day and time; "" for none."""
    if not at:
        return ""
    if isinstance(at, str):
        try:
            return datetime.fromisoformat(at).astimezone().strftime("%d %b %H:%M")
        except ValueError:
            return ""
    return datetime.fromtimestamp(at).strftime("%d %b %H:%M")


def names_that_differ(runs: Sequence[RunRow], labels: Sequence[str]) -> list[str]:
    """One name per run, all different: its label; where several runs share a label, the settings that differ
    between them stand before it, and the label is left out when all runs share it."""
    names = list(labels)
    for label in {label for label in labels if labels.count(label) > 1}:
        alike = [place for place, other in enumerate(labels) if other == label]
        for place, tail in zip(alike, _tails([runs[place] for place in alike]), strict=True):
            names[place] = f"{tail} · {label}" if len(alike) < len(labels) else tail
    return names


def _tails(runs: Sequence[RunRow]) -> list[str]:
    """As few settings of each as tell it from the others; the end of its id where none do."""
    found: list[tuple[str, ...]] = [() for _ in runs]
    settings = different([run.settings for run in runs])
    keys = sorted(settings, key=lambda key: (key != "train.seed", key.startswith(("sample.", "evaluate."))))
    values = [_shortened([run.recipe for run in runs])]
    values += [[f"{key.rpartition('.')[2]}={value}" for value in settings[key]] for key in keys]
    for column in [*values, [run.id.rpartition("-")[2] for run in runs]]:
        longer = [(*known, value) for known, value in zip(found, column, strict=True)]
        if len(set(longer)) > len(set(found)):
            found = longer
    return [" ".join(parts) for parts in found]


def _shortened(names: list[str]) -> list[str]:
    """Without the words that all of them begin with."""
    words = [name.split("-") for name in names]
    most = min(map(len, words)) - 1 if len(set(names)) > 1 else 0
    shared = next((place for place in range(most) if len({of[place] for of in words}) > 1), most)
    return ["…" * bool(shared) + "-".join(of[shared:]) for of in words]
