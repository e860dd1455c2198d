"""Every key of the table is pressed where it works: it reaches its own action, and something is seen of that."""

from __future__ import annotations

from typing import Any

import pytest

from gentui.config import key_table
from gentui.tui.widgets.tabs import Tabs
from gentui.tui.workbench import GentuiApp
from tests.support.app import Desk
from tests.support.keys import BY_FOCUS, give, go, is_answered, is_typed
from tests.support.screens import SCREENS
from tests.support.textual_private import notices


class Recorder:
    """Takes the place of running actions."""

    def __init__(self, app: GentuiApp, monkeypatch: pytest.MonkeyPatch):
        self.called: list[tuple[str, Any]] = []
        self._app, self._monkeypatch = app, monkeypatch

    async def _record(self, action: str, namespace: Any = None, *_: Any) -> bool:
        if action in ("scroll_left", "scroll_right") and not namespace.allow_horizontal_scroll:
            return False  # as Textual does: the next one bound to the key has its turn
        self.called.append((action, namespace))
        return True

    async def what(self, d: Desk, stroke: str) -> list[tuple[str, Any]]:
        """The actions that a key leads to."""
        self.called.clear()
        with self._monkeypatch.context() as patch:
            patch.setattr(self._app, "run_action", self._record)
            await give(d, stroke)
        return [*self.called]


@pytest.mark.parametrize("are_mapped", [False, True], ids=["as they come", "a person's own"])
async def test_each_key_reaches_its_action_whatever_has_the_focus(
    desk, furnished, keys_file, monkeypatch, are_mapped: bool
):
    """Pressed in its context: with the focus as it is at first, on each pane, and on everything that can have it."""
    if are_mapped:
        own = {
            key.id: f"{'super' if key.context == 'app' else 'alt'}+f{n}"
            for n, key in enumerate(key_table.TABLE, 1)
        }
        keys_file("\n".join(f'"{name}" = "{stroke}"' for name, stroke in own.items()))
    wrong = []
    async with desk((120, 40)) as d:
        assert not notices(d.app), "keys.toml was understood"
        recorder = Recorder(d.app, monkeypatch)
        for context in SCREENS:
            screen = await go(d, context)
            rows = [
                *key_table.keys_of(context),
                *(() if context in key_table.MODAL else key_table.keys_of("app")),
            ]
            expected = {stroke: key for key in rows for stroke in key.keys.split(",")}

            async def check(strokes: Any, where: str, screen=screen, expected=expected) -> None:
                for stroke in strokes:
                    key, before = expected[stroke], screen.focused
                    wanted = (
                        []
                        if is_typed(screen, stroke)
                        else [(key.action, d.app if key.context == "app" else screen)]
                    )
                    if (found := await recorder.what(d, stroke)) != wanted:
                        wrong.append(f"{where}: {stroke} of {key.id} calls {[name for name, _ in found]}")
                    if screen.focused is not before:
                        screen.set_focus(before)

            await check(expected, context)
            if are_mapped:
                continue
            for pane in [name for tabs in screen.query(Tabs) for name, _ in tabs._panes] or [""]:
                if pane:
                    screen.action_tab(pane)
                    await d.drawn()
                for widget in screen.focus_chain:
                    screen.set_focus(widget)
                    own = BY_FOCUS.get((context, type(widget).__name__), set())
                    taken = {*widget._bindings.key_to_bindings} - own
                    at = " ".join(filter(None, (context, pane, type(widget).__name__)))
                    await check([stroke for stroke in expected if stroke in taken], at)
    assert not wrong, "\n".join(wrong)


QUIET = {"app.quit", "home.back"}
"""What ends the app, and what closes what is not open."""


@pytest.mark.parametrize("context", SCREENS)
async def test_each_key_is_answered(desk, furnished, context: str):
    """Something else is on the screen after each key, if only a sentence on why there is nothing to do."""
    silent = []
    async with desk((120, 40)) as d:
        panes = [tabs.active for tabs in (await go(d, context)).query(Tabs)]
        for key in key_table.keys_of(context):
            if key.id in QUIET or any(f"tab('{pane}')" in key.action for pane in panes):
                continue
            await go(d, context)
            if not await is_answered(d, key):
                silent.append(key.id)
    assert not silent
