"""The facts about an imported run, in the form of a run directory's small files."""

from __future__ import annotations

import json
import re
import time
from dataclasses import fields
from typing import Any

import gentui
from gentui.imports.log_entries import RunInfo, Source
from gentui.jobs.annotations import LONGEST_NAME, Annotations, from_json
from gentui.text.sanitize import clean

FAMILY = "imported"
MOST_SETTINGS = 2000
_LONGEST, _LONGEST_LIST, _MOST_WORDS = 1000, 64, 200
_MOST_BYTES = 400_000  # of all settings: the index reads a recipe of 1 MiB
_NOT_IN_A_TAG = re.compile(r'[\s,"|]+')


class Description:
    """Collects facts about a run, in any order. ``before``: run.json of an earlier import of the same log."""

    def __init__(self, source: Source, name: str, before: dict[str, Any]):
        self.about = RunInfo()
        self.settings: dict[str, Any] = {}
        self.is_changed = False
        self._source, self._requested, self._before = source, name, before

    def update(self, info: RunInfo) -> int:
        """Merge new facts. Returns how many settings were refused because there are too many."""
        self.is_changed = True
        versions = self.about.versions | info.versions
        self.about = RunInfo(
            *(getattr(info, one.name) or getattr(self.about, one.name) for one in fields(RunInfo))
        )
        self.about.versions = versions
        refused = 0
        for key, value in info.config.items():
            key = clean(key, 200)
            if value is None and key in self.settings:
                del self.settings[key]
            elif key in self.settings or len(self.settings) < MOST_SETTINGS:
                self.settings[key] = _plain(value)
            else:
                refused += 1
        return refused

    def recipe_toml(self) -> str:
        """The settings as ``recipe.toml``, where gentui shows them. It is not a recipe that can be trained."""
        import tomli_w

        kept, room = {}, _MOST_BYTES
        for key, value in self.settings.items():
            room -= 4 * (len(key) + len(str(value)))
            if room < 0:
                break
            kept[key] = value
        recipe = {
            "name": self._source.format,
            "title": self._title(),
            "family": FAMILY,
            "summary": f"Imported from {clean(self._source.path, _LONGEST)}",
            "config": kept,
        }
        return tomli_w.dumps(recipe)

    def info(self, started_at: float) -> dict[str, Any]:
        """The content of ``run.json``: the facts, and where they were imported from."""
        about, source = self.about, self._source
        seed = self.settings.get("seed")
        return {
            "name": self.name(),
            "recipe": source.format,
            "title": self._title(),
            "family": FAMILY,
            "dataset": "",
            "quick": False,
            "stand_in_for": None,
            "seed": seed if type(seed) is int and seed >= 0 else None,
            "device": clean(about.device, 40),
            "command": [clean(word, _LONGEST) for word in about.command[:_MOST_WORDS]],
            "versions": {clean(what, 40): clean(one, 40) for what, one in about.versions.items() if one},
            "git": clean(about.git, 80) or None,
            "host": clean(about.host, 100),
            "machine": clean(about.machine, 200),
            "created_at": started_at,
            "total_steps": None,
            "reference": None,
            "imported": {
                "from": source.format,
                "path": source.path,
                "id": clean(about.id, 100),
                "named": bool(self._requested) or self._was_named(),
                "at": time.time(),
                "by": f"gentui {gentui.__version__}",
            },
        }

    def name(self) -> str:
        """The name given by the user, now or at an earlier import; else the log's own, else that of its path."""
        before = self._before.get("name") if self._was_named() else ""
        return clean(self._requested or before or self.about.name or self._source.name, LONGEST_NAME)

    def annotations(self) -> Annotations:
        """The tags and notes of the log. Spaces in a tag become hyphens: a tag is one word here."""
        tags = [_NOT_IN_A_TAG.sub("-", clean(tag, 60)).lstrip("+-") for tag in self.about.tags]
        return from_json({"tags": tags, "notes": self.about.notes})

    def _was_named(self) -> bool:
        imported = self._before.get("imported")
        return isinstance(imported, dict) and imported.get("named") is True

    def _title(self) -> str:
        return clean(self.about.title, 200) or f"imported from {self._source.format}"


def _plain(value: Any) -> Any:
    """A setting as TOML can hold it; anything else as text."""
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, str):
        return clean(value, _LONGEST)
    if value is None:
        return "none"
    if (
        isinstance(value, list)
        and len(value) <= _LONGEST_LIST
        and not any(isinstance(v, dict | list) for v in value)
    ):
        return [_plain(inner) for inner in value]
    try:
        return clean(json.dumps(value), _LONGEST)
    except (ValueError, RecursionError):
        return "unreadable"
