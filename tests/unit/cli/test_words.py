"""Words of other programs, what the shell completes, and the order of lists."""

from __future__ import annotations

import subprocess

import click
import pytest
from click.shell_completion import BashComplete

from gentui.cli.main import COMMANDS, GROUPS, OTHER_WORDS, cli


def completed(*words: str) -> list[str]:
    """What is offered for the last of the words after ``gentui``."""
    *before, incomplete = words
    return [
        item.value for item in BashComplete(cli, {}, "gentui", "_").get_completions(list(before), incomplete)
    ]


def test_help_lists_every_command_in_groups_with_examples(invoke):
    text = invoke("--help").stdout
    places = [text.index(f"\n{title}:\n") for title in GROUPS]
    assert places == sorted(places) and "Start here:" in text
    for name in COMMANDS:
        assert f"\n  {name} " in text
    assert "..." not in text.replace("[ARGS]...", "")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("ls", "runs"), ("list", "runs"), ("train", "run"), ("leaderbord", "leaderboard")],
)
def test_other_programs_words_are_known(invoke, word, meant):
    result = invoke(word)
    assert result.exit_code == 2 and f"did you mean {meant!r}?" in result.stderr


def test_what_other_words_mean_exists():
    assert {meant for meant in OTHER_WORDS.values() if not meant.startswith("--")} <= COMMANDS.keys()
    assert not OTHER_WORDS.keys() & COMMANDS.keys()


def test_a_command_without_its_words_says_what_they_may_be(invoke):
    assert "`gentui recipes` lists them, for example digits-unet" in invoke("run").stderr
    assert "`gentui runs` lists them" in invoke("show").stderr


def test_the_version_has_a_short_option_and_a_word(invoke):
    assert invoke("-V").stdout == invoke("--version").stdout == invoke("version").stdout != ""


def test_help_is_a_word_too(invoke):
    assert invoke("help").stdout == invoke("--help").stdout
    assert invoke("help", "run").stdout == invoke("run", "--help").stdout
    assert invoke("help", "data", "check").stdout == invoke("data", "check", "--help").stdout


def test_a_group_without_a_command_lists_its_commands_line_by_line(invoke):
    done = invoke("index")
    assert done.exit_code == 2 and "\n  rebuild  Rebuild the index" in done.stderr


def every_command(group: click.Group = cli, words: tuple[str, ...] = ()):
    """Every command with the words that lead to it."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from every_command(command, (*words, name))


def test_every_json_option_says_what_it_prints():
    helps = {
        words: parameter.help
        for words, command in every_command()
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name == "as_json"
    }
    assert len(helps) > 12 and all(str(text).startswith("Print JSON: ") for text in helps.values()), helps


def test_no_option_shows_a_class_of_click_as_its_value():
    for words, command in every_command():
        assert "INTEGER" not in command.get_help(click.Context(command, **cli.context_settings)), (
            words
        )  # click keeps it


def test_runs_are_listed_with_columns_of_settings_and_small_numbers_as_people_type_them(invoke, make_run):
    make_run(name="one")
    lines = invoke("runs", "--columns", "lr,optim.eps").stdout.splitlines()
    assert lines[0].split()[:5] == ["RUN", "STATUS", "RECIPE", "optim.lr", "optim.eps"]
    assert lines[1].split()[3:5] == ["0.002", "1e-8"]
    wrong = invoke("runs", "--columns", "optim.lrr")
    assert wrong.exit_code == 2 and "--columns: " in wrong.stderr and "optim.lr" in wrong.stderr


@pytest.mark.parametrize(
    ("setting", "hint"), [("lr=1", "did you mean optim.lr?"), ("samples=1", "did you mean evaluate.samples?")]
)
def test_a_setting_without_its_table_is_recognised(invoke, setting, hint):
    result = invoke("recipe", "digits-unet", "-o", setting)
    assert result.exit_code == 2 and f"unknown key ({hint})" in result.stderr


def test_shells_complete_commands_recipes_runs_and_settings(make_run, home, monkeypatch):
    monkeypatch.setenv("GENTUI_HOME", str(home))
    runs = [make_run().id, make_run(name="best").id]
    assert "leaderboard" in completed("lea")
    assert completed("run", "digits-un") == ["digits-unet"]
    assert completed("show", "") == ["latest", *sorted(runs, reverse=True)]
    assert completed("show", runs[0]) == [runs[0]]
    assert completed("run", "digits-unet", "-o", "optim.l") == ["optim.lr="]
    assert completed("recipe", "digits-unet", "-o", "train.precision=b") == ["train.precision=bf16"]
    assert completed("recipe", "nothing-of-ours", "-o", "optim.l") == []


def test_completion_makes_no_home(tmp_path, monkeypatch):
    monkeypatch.setenv("GENTUI_HOME", str(tmp_path / "new"))
    assert completed("show", "") == ["latest"] and not (tmp_path / "new").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(invoke, shell):
    result = invoke("completion", shell)
    assert result.exit_code == 0 and "_GENTUI_COMPLETE" in result.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=result.stdout, text=True, check=False).returncode == 0


def test_an_unknown_data_set_has_no_leaderboard(invoke, make_run):
    make_run(scores=(2.0,))
    unknown = invoke("leaderboard", "--dataset", "digit")
    assert unknown.exit_code == 3 and "no data set called 'digit'; did you mean 'digits'?" in unknown.stderr
    assert invoke("leaderboard", "--dataset", "fashion-mnist").exit_code == 0


def test_runs_are_sorted_and_cut(invoke, make_run):
    scored = {make_run(scores=(score,)).id: score for score in (3.0, 1.0, 2.0)}
    without = make_run().id

    def listed(*options: str) -> list[str]:
        return [line.split()[0] for line in invoke("runs", *options).stdout.splitlines()[1:]]

    assert listed("--sort", "fid") == [*sorted(scored, key=scored.__getitem__), without]
    assert listed("--sort", "-fid", "-n", "2") == sorted(scored, key=scored.__getitem__, reverse=True)[:2]
    assert len(listed("-n", "3")) == 3
    wrong = invoke("runs", "--sort", "fidd")
    assert wrong.exit_code == 2 and "--sort: no run has a setting or score called 'fidd'" in wrong.stderr
