"""The settings of a form: their texts, how these are parsed, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gentui.text.numbers import short_exponent
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from engine.recipes.recipe import FormField, RecipeError


def as_text(value: Any) -> str:
    """Return a value as a user types it: TOML, without quotes around plain text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = f"{value:g}" if float(f"{value:g}") == value else repr(value)
        return short_exponent(text)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(f'"{v}"' if isinstance(v, str) else as_text(v) for v in value) + "]"
    return str(value)


def parse_setting(setting: FormField, text: str) -> Any:
    """Parse what was typed as the value of a setting. An empty text is None if the setting may be empty.

    Raises ValueError.
    """
    from engine.recipes.values import parse_value

    is_flag = setting.type.startswith("true or false")
    if (setting.type.startswith(("text", "choice")) or setting.choices) and not is_flag:
        return text.strip() or (None if "or empty" in setting.type else "")
    return parse_value(text)


def problems_by_key(error: RecipeError) -> dict[str, str]:
    """Return the problems of a recipe by key; of several problems with one setting, the first."""
    result: dict[str, str] = {}
    for problem in error.problems:
        text = problem.message + (f" ({problem.hint})" if problem.hint else "")
        result.setdefault(problem.key, clean(text, 300))
    return result


def split_problems(problems: dict[str, str], keys: set[str]) -> tuple[dict[str, str], list[str]]:
    """Split problems into those of the settings ``keys`` of a form, by key, and sentences on the others."""
    beside: dict[str, str] = {}
    elsewhere = []
    for key, text in problems.items():
        # betas.0 is shown at betas
        home = next((k for k in (key, key.rpartition(".")[0]) if k in keys), None)
        if home is None:
            elsewhere.append(f"{key}: {text}" if key else text)
        else:
            beside.setdefault(home, text)
    return beside, elsewhere


@dataclass
class Entry:
    """One setting of a form. ``own`` is the recipe's text, which a reset restores."""

    setting: FormField
    label: str
    text: str
    own: str
    problem: str = ""

    @property
    def key(self) -> str:
        return self.setting.key

    @property
    def choices(self) -> tuple[str, ...]:
        is_flag = self.setting.type.startswith("true or false")
        return self.setting.choices or (("true", "false") if is_flag else ())

    @property
    def is_text(self) -> bool:
        """Whether it is free text, and not a number or a choice."""
        return self.setting.type == "text" and not self.choices

    @property
    def takes_slash(self) -> bool:
        """Whether ``/`` is part of its text: of a path, or of a name that has begun."""
        return self.setting.type.startswith("text") and not self.choices and bool(self.text or "." in self.key)

    @property
    def is_changed(self) -> bool:
        return self.text != self.own

    @property
    def help(self) -> str:
        parts = [self.setting.help, "one of: " + ", ".join(self.choices) if self.choices else self.setting.type]
        return clean(" · ".join(part for part in parts if part), 400)
