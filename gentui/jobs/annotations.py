"""What a person says of a run: its name, tags and notes, in ``marks.json`` of its directory.

Apart from ``run.json``, which says once what was launched. Every change is read, decided and replaced under the lock
that changes of ``state.json`` are made under.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.runs.directory import RunDir, write_atomically
from gentui.jobs.states import JobError, called, exclusive, get_job
from gentui.text.sanitize import clean, clean_lines

FILE = "marks.json"
MOST_TAGS, LONGEST_TAG, LONGEST_NAME, LONGEST_NOTES = 50, 60, 200, 20_000
_TAG = re.compile(r'[^\s,"|+-][^\s,"|]*')


@dataclass(frozen=True)
class Marks:
    """``name`` is None where the run keeps the one it was launched with."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    notes: str = ""


def of(raw: dict[str, Any]) -> Marks:
    """What ``marks.json`` holds, as far as it is well formed."""
    name, tags, notes = raw.get("name"), raw.get("tags"), raw.get("notes")
    told = [clean(tag, LONGEST_TAG) for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return Marks(
        clean(name, LONGEST_NAME) if isinstance(name, str) else None,
        tuple(dict.fromkeys(tag for tag in told if _TAG.fullmatch(tag)))[:MOST_TAGS],
        "\n".join(clean_lines(notes[:LONGEST_NOTES])).strip() if isinstance(notes, str) else "",
    )


def encoded(marks: Marks) -> bytes:
    raw: dict[str, Any] = {"tags": list(marks.tags), "notes": marks.notes}
    return json.dumps(raw if marks.name is None else {"name": marks.name, **raw}, indent=1).encode()


def read(run: RunDir) -> Marks:
    """The run's marks; none where the file is missing or broken."""
    try:
        raw = json.loads((run.path / FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return Marks()
    return of(raw) if isinstance(raw, dict) else Marks()


def tag(home: Path, run_id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Marks:
    """Add and remove tags. Raises JobError when one cannot be a tag, before anything is changed."""
    added = [checked_tag(word) for word in add]
    removed = set(remove)

    def decide(marks: Marks) -> Marks:
        tags = tuple(dict.fromkeys([*(t for t in marks.tags if t not in removed), *added]))
        if len(tags) > MOST_TAGS:
            raise JobError(f"run {run_id} would have {len(tags)} tags; {MOST_TAGS} are enough")
        return replace(marks, tags=tags)

    return _change(home, run_id, decide)


def note(home: Path, run_id: str, text: str) -> Marks:
    """Replace the notes; an empty text takes them away."""
    if len(text) > LONGEST_NOTES:
        raise JobError(f"notes of {len(text):,} characters are too long; {LONGEST_NOTES:,} are enough")
    return _change(home, run_id, lambda marks: replace(marks, notes="\n".join(clean_lines(text)).strip()))


def rename(home: Path, run_id: str, name: str) -> Marks:
    """Call the run something else; an empty text leaves it without a name."""
    return _change(home, run_id, lambda marks: replace(marks, name=clean(name, LONGEST_NAME).strip()))


def checked_tag(word: str) -> str:
    """``word`` where it can be a tag. Raises JobError."""
    if clean(word) != word or len(word) > LONGEST_TAG or not _TAG.fullmatch(word):
        raise JobError(
            f"{clean(word, 80)!r} cannot be a tag: one word of at most {LONGEST_TAG} characters, without commas,"
            " quotes or |, that begins with neither + nor -"
        )
    return word


def changes_of(text: str) -> tuple[list[str], list[str]]:
    """(tags to add, tags to remove) of words as ``+x`` or ``x``, and ``-y``. Raises JobError."""
    add: list[str] = []
    remove: list[str] = []
    for word in text.split():
        (remove if word[0] == "-" else add).append(
            checked_tag(word.removeprefix(word[0]) if word[0] in "+-" else word)
        )
    return add, remove


def _change(home: Path, run_id: str, decide: Callable[[Marks], Marks]) -> Marks:
    run = get_job(home, run_id)
    if not isinstance(run, RunDir):
        raise JobError(f"{called(run)} is no run: only runs have names, tags and notes")
    try:
        with exclusive(run):
            marks = decide(read(run))
            write_atomically(run.path / FILE, encoded(marks))
    except OSError as error:
        raise JobError(f"{called(run)} cannot be marked: {error.strerror}") from None
    return marks
