"""What screens around a form of settings have in common: what is typed is checked, explained, shown as a command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, ClassVar

from textual.content import Content
from textual.widgets import Static

from gentui.text.sanitize import clean
from gentui.tui.widgets.settings import Entry, SettingsForm, placed

if TYPE_CHECKING:
    from textual.screen import Screen

    _OnScreen = Screen[Any]
else:  # no widget itself: Textual takes styles from the first base that is one
    _OnScreen = object


class SettingsFormScreen(_OnScreen):
    """A screen with a ``SettingsForm`` and texts below it, with ids that begin with the screen's ``context``.

    ``help`` is about the setting under the cursor, ``command`` the command line that does the same.
    """

    context: ClassVar[str]
    problems: dict[str, str]
    """What is wrong, by the key of a setting."""

    @property
    def form(self) -> SettingsForm:
        return self.query_one(SettingsForm)

    def check(self) -> None:
        """Validate as the command line would, and say what is wrong where it is."""
        raise NotImplementedError

    def take(self, entry: Entry) -> None:
        """A setting was edited, and is not checked yet."""

    def name_of(self, entry: Entry) -> str:
        """What the help calls a setting."""
        return entry.label

    def on_settings_form_moved(self, message: SettingsForm.Moved) -> None:
        self._explain(message.entry)

    def on_settings_form_edited(self, message: SettingsForm.Edited) -> None:
        self.take(message.entry)
        self.check()
        self._explain(message.entry)

    def _explain(self, entry: Entry) -> None:
        name = self.name_of(entry)
        if entry.problem:
            self.put("help", Content.assemble((f"✗ {name}: {entry.problem}", "$error")))
        else:
            self.put("help", Content.assemble((f"{name}: ", "bold"), entry.help))

    def complain(self) -> list[str]:
        """Show each problem beside its setting. Those that belong to none in the form."""
        beside, elsewhere = placed(self.problems, {entry.key for entry in self.form.entries})
        self.form.complain(beside)
        return elsewhere

    def all_problems(self) -> str:
        """In one line."""
        return "; ".join(f"{key}: {told}" if key else told for key, told in self.problems.items())

    def put_command(self, words: list[str]) -> None:
        self.put("command", Content.assemble(("$ ", "$text-muted"), clean(shlex.join(words))))

    def put(self, name: str, content: Content) -> None:
        """Change one of the texts, if it is another."""
        static = self.query_one(f"#{self.context}-{name}", Static)
        if static.content != content:
            static.update(content)

    def action_reset(self) -> None:
        entry = self.form.entry
        if not entry.is_changed:
            self.put(
                "help", Content.assemble((f"{self.name_of(entry)}: ", "bold"), "as it was at first already.")
            )
        self.form.set_text(entry.own)
