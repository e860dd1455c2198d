"""The user's own key bindings: ``keys.toml`` in the config directory, by the ids of the key table.

::

    "runs.stop" = "ctrl+k"
    "app.help" = ["f1", "?"]

An entry that cannot be used is ignored with one sentence; its action keeps the default key.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from gentui.config import key_table
from gentui.config.schema import ConfigFile
from gentui.text.sanitize import clean

_KEY = re.compile(r"(?:(?:ctrl|shift|alt|super|meta)\+)*(?:[a-z][a-z0-9_]*|[A-Za-z0-9])")


_file = ConfigFile("keys.toml")


def path() -> Path:
    return _file.path


def read() -> tuple[dict[str, str], list[str]]:
    """Remapped keys by action id, as Textual writes them (``ctrl+k,f5``), and a sentence for each unusable entry."""
    raw, trouble = _file.read()
    requested: dict[str, str] = {}
    troubles = [trouble] if trouble else []
    for name, value in _flat(raw):
        strokes, trouble = _strokes(name, value)
        if trouble:
            troubles.append(f"keys.toml: {trouble}.")
        else:
            requested[name] = ",".join(strokes)
    while clash := _clash(requested):
        mine, other, stroke = clash
        del requested[mine]
        troubles.append(
            f"keys.toml: {key_table.display_name(stroke)} is taken by {other}, so {mine} keeps its key."
        )
    for name, mapped in requested.items():
        for stroke in set(mapped.split(",")) & set(key_table.UNRELIABLE):
            key, why = key_table.display_name(stroke), key_table.UNRELIABLE[stroke]
            troubles.append(f"keys.toml: {key} of {name} may never arrive: {why}.")
    return requested, troubles


def _flat(raw: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Entries by dotted key: ``"runs.stop" = …`` and ``[runs] stop = …`` are the same."""
    entries: list[tuple[str, Any]] = []
    for name, value in raw.items():
        entries += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(f"{before}{name}", value)]
    return entries


def _strokes(name: str, value: Any) -> tuple[list[str], str]:
    if name not in key_table.BY_ID:
        close = difflib.get_close_matches(name, key_table.BY_ID, 1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        return [], f"there is no action {clean(name, 60)!r}{meant}"
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        return [], f"{name} needs a key such as 'ctrl+k', or a list of them"
    strokes = [key_table.parse_key(word) for word in words]
    for word, key in zip(words, strokes, strict=True):
        if key in key_table.ALIASES:
            sent = key_table.display_name(key_table.ALIASES[key])
            return [], f"terminals send {clean(word, 40)} as {sent}, so {name} keeps its own"
    bad = next((word for word, key in zip(words, strokes, strict=True) if not _KEY.fullmatch(key)), None)
    return (strokes, "") if bad is None else ([], f"{clean(bad, 40)!r} is not a key, so {name} keeps its own")


def _clash(requested: dict[str, str]) -> tuple[str, str, str] | None:
    """(the remapped id, the holder of its key, the key) of the first conflict."""
    strokes = {key.id: requested.get(key.id, key.keys).split(",") for key in key_table.TABLE}
    for name in requested:
        context = key_table.BY_ID[name].context
        for stroke in strokes[name]:
            if stroke in key_table.RESERVED and context not in key_table.MODAL:
                return name, "lists, to move in them", stroke
            for other in key_table.TABLE:
                if (
                    other.id != name
                    and stroke in strokes[other.id]
                    and key_table.overlap(context, other.context)
                ):
                    return name, other.id, stroke
    return None
