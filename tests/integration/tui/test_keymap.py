"""A person's own keys, jump mode, and every action in the palette."""

from __future__ import annotations

import pytest

from gentui.config import key_table, keymap
from gentui.tui.screens.base import Dialog
from gentui.tui.screens.help import help_text
from gentui.tui.screens.jump import LETTERS, targets
from gentui.tui.widgets.table import Table
from tests.support.screens import SCREENS
from tests.support.textual_private import notices


def test_dialogs_are_where_the_keys_of_the_app_do_not_work():
    assert {name for name, screen in SCREENS.items() if issubclass(screen, Dialog)} == key_table.MODAL


@pytest.mark.parametrize(
    ("text", "mapping", "told"),
    [
        ('"runs.stop" = "ctrl+k"', {"runs.stop": "ctrl+k"}, ""),
        ('"runs.stop" = "ctrl+b"', {"runs.stop": "ctrl+b"}, "^b of runs.stop may never arrive: tmux uses it"),
        ('"runs.stop" = "^S"', {"runs.stop": "ctrl+s"}, "^s of runs.stop may never arrive"),
        ('"runs.stop" = "^I"', {}, "terminals send ^I as Tab, so runs.stop keeps its own"),
        ('[runs]\nstop = "^K"\nfilter = ["f3", "/"]', {"runs.stop": "ctrl+k", "runs.filter": "f3,slash"}, ""),
        ('"runs.stopp" = "s"', {}, "there is no action 'runs.stopp' (did you mean 'runs.stop'?)"),
        ('"runs.stop" = 3', {}, "runs.stop needs a key such as 'ctrl+k'"),
        ('"runs.stop" = ["S", 3]', {}, "runs.stop needs a key"),
        ('"runs.stop" = "no key"', {}, "'no key' is not a key, so runs.stop keeps its own"),
        ('"runs.stop" = "q"', {}, "q is taken by app.quit, so runs.stop keeps its key"),
        ('"app.quit" = "R"', {}, "R is taken by runs.resume, so app.quit keeps its key"),
        ('"runs.stop" = "j"', {}, "j is taken by lists"),
        ('"runs.stop" = "R"\n"runs.resume" = "S"', {"runs.stop": "R", "runs.resume": "S"}, ""),  # exchanged
        ('"confirm.yes" = "q"', {"confirm.yes": "q"}, ""),  # a dialog has its keys to itself
        ("nonsense", {}, "cannot be read and is ignored"),
        ('"runs.stop\\u001b]0;x" = "a"', {}, "there is no action 'runs.stop"),
    ],
)
def test_what_is_taken_of_the_file(keys_file, text: str, mapping: dict[str, str], told: str):
    keys_file(text)
    found, troubles = keymap.read()
    assert found == mapping
    assert (told in troubles[0] and len(troubles) == 1) if told else not troubles
    assert "\x1b" not in "".join(troubles)


async def test_the_real_keys_work_and_are_shown(keys_file, desk, runs):
    keys_file('"runs.filter" = "f3"\n"app.machine" = "f9"\n"run.settings" = "f8"\n"runs.none" = "a"')
    run = runs.make(name="mine")
    async with desk((120, 30)) as d:
        assert any("runs.none" in told.message for told in notices(d.app))
        await d.opens("RunsScreen", "2")
        await d.sees("mine", "F3 Filter", "F9 Machine")
        await d.press("f3", "x", "y")
        await d.sees("No run matches")
        await d.press("escape")
        assert "F3" in help_text("runs").plain
        palette = await d.opens("FindScreen", "ctrl+p")
        assert any("F3" in thing.name for thing in palette._shown)
        await d.opens("RunsScreen", "escape")
        d.app.open_run(run.id)
        await d.on("RunScreen")
        await d.sees("F8 Settings")
        await d.press("f8")
        await d.sees("[F8 Settings]")
        await d.opens("MachineScreen", "f9")


async def test_jump_mode_goes_to_panes_lists_and_screens(desk, runs, each_size):
    run = runs.make(name="mine")
    async with desk(each_size) as d:
        d.app.open_run(run.id)
        screen = await d.on("RunScreen")
        await d.sees("[c Charts]")
        await d.opens("JumpScreen", "ctrl+o")
        first = d.text.splitlines()[0]
        assert "a1 Recipes" in first and "s2 Runs" in first and "d3 Leaderboard" in first, "no name is covered"
        at = 5 + 3  # after the main screens: the pane Health
        await d.press(LETTERS[at])
        await d.sees("[i Health]")
        assert d.app.screen is screen
        await d.opens("JumpScreen", "ctrl+o")
        await d.press("ctrl+o", "escape")
        await d.on("RunScreen")
        await d.opens("JumpScreen", "ctrl+o")
        await d.press("s")  # the second main screen
        table = (await d.on("RunsScreen")).query_one(Table)
        d.app.screen.set_focus(None)
        await d.settle()
        await d.opens("JumpScreen", "ctrl+o")
        await d.press(LETTERS[5])
        await d.until(lambda: table.has_focus)


async def test_jump_mode_goes_to_rows_and_covers_no_name(desk, each_size):
    async with desk(each_size) as d:
        table = d.app.screen.query_one(Table)
        names = [key for _, key in table.lines_in_sight()]
        whole = [name for name in names if name in d.text]
        jump = await d.opens("JumpScreen", "ctrl+o")
        assert whole and all(name in d.text for name in whole)
        place = next(
            n for n, (offset, _) in enumerate(jump._targets.values()) if offset.y == table.region.y + 3
        )
        await d.press(LETTERS[place])
        await d.on("HomeScreen")
        await d.until(lambda: table.key == names[1])


async def test_every_action_is_in_the_palette(desk, runs):
    runs.make()
    async with desk() as d:
        for place, context in (("1", "home"), ("2", "runs"), ("3", "leaderboard"), ("5", "machine")):
            await d.press(place)
            await d.until(lambda context=context: getattr(d.app.screen, "context", "") == context)
            palette = await d.opens("FindScreen", "ctrl+p")
            titles = {thing.name for thing in palette._shown if thing.kind == "command"}
            for key in key_table.keys_of(context) + key_table.keys_of("app"):
                is_itself = key.id in ("app.palette", "app.find")
                assert is_itself or f"{key.label} ({key.display})" in titles, key.id
            await d.press("escape")
            assert len(targets(d.app.screen)) >= 5
