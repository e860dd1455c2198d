"""Settings files of the app: dataclasses whose fields say what they may hold, and how their files are read and written.

A settings class is a frozen dataclass whose fields are made with ``setting``. The type of a field is that of its
default: bool, int, float, str, or a tuple of str. Pydantic would do the same, but takes 90 ms to import, and the app
reads its preferences before the first frame.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine.runs.files import private_folder, write_atomically
from engine.runs.paths import config_dir
from gentui.text.sanitize import clean

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """One field of a settings class. Without ``choices`` any value of the default's type is valid.

    ``title`` and ``help`` describe it on the preferences screen, which leaves out fields without a title; ``labels``
    are the words for values that do not speak for themselves.
    """

    name: str = ""
    default: Any = None
    choices: tuple[Any, ...] = ()
    title: str = ""
    help: str = ""
    labels: Mapping[Any, str] = dataclasses.field(default_factory=dict)

    def label(self, value: Any) -> str:
        """The word for a value."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        return self.labels.get(value, str(value))

    def convert(self, value: Any) -> Any:
        """The valid value that a parsed file holds. Raises ValueError with a clause that says what is wrong."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if kind is tuple:
            if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
                raise ValueError(f"{self.name} should be a list of texts")
            return tuple(value)
        if type(value) is not kind or (self.choices and value not in self.choices):
            raise ValueError(f"{self.name} should be {self._expected()}")
        return value

    def _expected(self) -> str:
        if self.choices:
            return f"one of {', '.join(map(json.dumps, self.choices))}"
        return {bool: "true or false", int: "a whole number", float: "a number"}.get(
            type(self.default), "a text"
        )


def setting(
    default: T,
    *,
    choices: tuple[Any, ...] = (),
    title: str = "",
    help: str = "",
    labels: Mapping[Any, str] | None = None,
) -> T:
    """A field of a settings class."""
    if isinstance(default, bool):
        choices = (False, True)
    details = Setting("", default, choices, title, help, labels or {})
    return dataclasses.field(default=default, metadata={"setting": details})


def settings_of(cls: type) -> dict[str, Setting]:
    """The settings of a class by name, in order."""
    return {
        field.name: dataclasses.replace(field.metadata["setting"], name=field.name)
        for field in dataclasses.fields(cls)
    }


def parse(cls: type[T], raw: Any) -> tuple[T, list[str]]:
    """An instance of a settings class from parsed JSON or TOML, and a clause for every value that is ignored.

    An invalid value leaves the default. Unknown keys, which a later version may have written, are skipped.
    """
    if not isinstance(raw, dict):
        return cls(), ["it should be a table of settings"]
    values, problems = {}, []
    for name, one in settings_of(cls).items():
        if name in raw:
            try:
                values[name] = one.convert(raw[name])
            except ValueError as error:
                problems.append(str(error))
    return cls(**values), problems


def _parse_toml(data: bytes) -> dict[str, Any]:
    import tomli

    return tomli.loads(data.decode())


class ConfigFile:
    """A JSON or TOML file in the config directory or another ``folder``, which may change between two calls."""

    def __init__(self, name: str, folder: Path | None = None):
        self.name = name
        self._folder = folder
        self._changing = threading.Lock()

    @property
    def path(self) -> Path:
        return (self._folder or config_dir()) / self.name

    def read(self) -> tuple[dict[str, Any], str]:
        """The file's content, and a sentence if it had to be ignored. A missing file is empty."""
        try:
            data = self.path.read_bytes()
            content = _parse_toml(data) if self.path.suffix == ".toml" else json.loads(data)
            if not isinstance(content, dict):
                raise ValueError("it is no table")
        except FileNotFoundError:
            return {}, ""
        except (OSError, ValueError, RecursionError) as error:
            return {}, f"{self.path} cannot be read and is ignored: {clean(error, 160)}."
        return content, ""

    def update(self, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """Write what ``change`` makes of the content, one caller at a time; a broken file is started anew.

        Raises OSError if the file cannot be written; the old one is then left.
        """
        with self._changing:
            content = change(self.read()[0])
            private_folder(self.path.parent)
            write_atomically(self.path, json.dumps(content, indent=1).encode())
