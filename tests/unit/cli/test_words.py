"""Words of other programs, what the shell completes, and the order of lists."""

from __future__ import annotations

import subprocess

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


@pytest.mark.parametrize(
    ("word", "meant"),
    [("ls", "runs"), ("list", "runs"), ("train", "run"), ("help", "--help"), ("leaderbord", "leaderboard")],
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


def test_the_version_has_a_short_option(invoke):
    assert invoke("-V").stdout == invoke("--version").stdout != ""


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
