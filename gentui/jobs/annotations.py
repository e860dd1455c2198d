"""A user's annotations of a run: its name, tags and notes, in ``marks.json`` of the run's directory.

``run.json`` holds what was launched, and what a resume changed of it; annotations may change at any time. Every change
is read, modified and written under the same lock as ``state.json``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.runs.directory import RunDir, exclusive
from engine.runs.files import read_object, write_small
from gentui.jobs.rota import note_change
from gentui.jobs.states import JobError, get_job, job_label
from gentui.machine import disk
from gentui.text.sanitize import clean, clean_lines

FILE = "marks.json"
MOST_TAGS, LONGEST_TAG, LONGEST_NAME, LONGEST_NOTES = 50, 60, 200, 20_000
_TAG = re.compile(r'[^\s,"|+-][^\s,"|]*')


@dataclass(frozen=True)
class Annotations:
    """``name`` is None if the run keeps the name it was launched with."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    notes: str = ""


def from_json(raw: dict[str, Any]) -> Annotations:
    """Build annotations from the parsed ``marks.json``, dropping whatever is malformed."""
    name, tags, notes = raw.get("name"), raw.get("tags"), raw.get("notes")
    words = [clean(tag, LONGEST_TAG) for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return Annotations(
        clean(name, LONGEST_NAME) if isinstance(name, str) else None,
        tuple(dict.fromkeys(tag for tag in words if _TAG.fullmatch(tag)))[:MOST_TAGS],
        "\n".join(clean_lines(notes[:LONGEST_NOTES])).strip() if isinstance(notes, str) else "",
    )


def to_json(current: Annotations) -> bytes:
    """The content of ``marks.json``."""
    raw: dict[str, Any] = {"tags": list(current.tags), "notes": current.notes}
    return json.dumps(raw if current.name is None else {"name": current.name, **raw}, indent=1).encode()


def read(run: RunDir) -> Annotations:
    """Read the run's annotations; empty ones if the file is missing or broken."""
    try:
        return from_json(read_object(run.path / FILE))
    except (OSError, ValueError):
        return Annotations()


def tag(home: Path, run_id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Annotations:
    """Add and remove tags. Raises JobError, before anything is changed, if a word cannot be a tag."""
    added = [require_tag(word) for word in add]
    removed = set(remove)

    def decide(current: Annotations) -> Annotations:
        tags = tuple(dict.fromkeys([*(t for t in current.tags if t not in removed), *added]))
        if len(tags) > MOST_TAGS:
            raise JobError(f"run {run_id} would have {len(tags)} tags; {MOST_TAGS} are enough")
        return replace(current, tags=tags)

    return _change(home, run_id, decide)


def note(home: Path, run_id: str, text: str) -> Annotations:
    """Replace the notes; an empty text removes them."""
    if len(text) > LONGEST_NOTES:
        raise JobError(f"notes of {len(text):,} characters are too long; {LONGEST_NOTES:,} are enough")
    return _change(home, run_id, lambda current: replace(current, notes="\n".join(clean_lines(text)).strip()))


def rename(home: Path, run_id: str, name: str) -> Annotations:
    """Rename the run; an empty text removes its name."""
    return _change(home, run_id, lambda current: replace(current, name=clean(name, LONGEST_NAME).strip()))


def require_tag(word: str) -> str:
    """Return ``word`` if it can be a tag. Raises JobError otherwise."""
    if clean(word) != word or len(word) > LONGEST_TAG or not _TAG.fullmatch(word):
        raise JobError(
            f"{clean(word, 80)!r} cannot be a tag: one word of at most {LONGEST_TAG} characters, without commas,"
            " quotes or |, that begins with neither + nor -"
        )
    return word


def parse_changes(text: str) -> tuple[list[str], list[str]]:
    """Parse ``+x`` or ``x`` (add) and ``-y`` (remove) into (tags to add, tags to remove). Raises JobError."""
    add: list[str] = []
    remove: list[str] = []
    for word in text.split():
        (remove if word[0] == "-" else add).append(
            require_tag(word.removeprefix(word[0]) if word[0] in "+-" else word)
        )
    return add, remove


def _change(home: Path, run_id: str, decide: Callable[[Annotations], Annotations]) -> Annotations:
    run = get_job(home, run_id)
    if not isinstance(run, RunDir):
        raise JobError(f"{job_label(run)} is not a run: only runs have names, tags and notes")
    try:
        with exclusive(run.path):
            current = decide(read(run))
            write_small(run.path / FILE, to_json(current))
            note_change(run.path)
    except OSError as error:
        raise JobError(f"{job_label(run)} cannot be annotated: {disk.why(error, home)}") from None
    return current
