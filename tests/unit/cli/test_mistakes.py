"""A person's mistake gets a sentence and an exit code, never a traceback, and starts nothing."""

from __future__ import annotations

import pytest

from engine.recipes import recipe as recipes
from engine.settings.datasets.published import FashionMNIST

BAD_RECIPE = """\
name = "bad"
title = "Three mistakes"
family = "diffusion"
[data]
dataset = "digits"
[model]
net = "unet"
channels = "many"
[method]
name = "edm"
[optim]
lrr = 1e-3
[train]
steps = -1
[sample]
sampler = "heun"
"""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["frobnicate"], 2, "No such command 'frobnicate'"),
        (["recipess"], 2, "did you mean 'recipes'?"),
        (["--frob"], 2, "No such option"),
        (["runs", "--status", "dead"], 2, "'dead' is not one of"),
        (["run"], 2, "Missing argument 'RECIPE...'"),
        (["run", "nope"], 3, "no recipe called 'nope'"),
        (["run", "digits-unett"], 3, "did you mean 'digits-unet'?"),
        (["run", "no/such.toml"], 3, "no recipe at 'no/such.toml'"),
        (["run", "digits-unet", "-o", "optim.lr=fast"], 2, "-o optim.lr=fast: optim.lr: should be a number"),
        (["run", "digits-unet", "-o", "nonsense"], 2, "is not KEY=VALUE"),
        (["run", "digits-unet", "--seed", "-1"], 2, "-1 is not in the range"),
        (["run", "digits-unet", "--seed", "x"], 2, "'x' is not a valid integer"),
        (["run", "digits-unet", "--device", "tpu"], 4, "tpu"),
        (["run", "digits-unet", "--device", "cuda:99"], 4, "cuda:99"),
        (["recipe", "nope"], 3, "no recipe called 'nope'"),
        (["show", "nope"], 3, "nope"),
        (["show", "latest"], 3, "no run"),
        (["show", ""], 3, "no run"),
        (["show", "../../etc"], 3, "no run"),
        (["logs", "nope"], 3, "nope"),
        (["stop", "nope"], 3, "nope"),
        (["stop"], 2, "Missing argument 'RUN...'"),
        (["stop", "nope", "--grace", "-1"], 2, "not in the range"),
        (["resume", "nope"], 3, "nope"),
        (["rm", "nope"], 3, "nope"),
        (["compare", "one"], 2, "at least two runs"),
        (["sample", "nope", "-o", "x.png"], 3, "nope"),
        (["sample", "nope", "-o", "x.jpg"], 2, "must end in .png"),
        (["sample", "nope", "-o", "no/such/dir/x.png"], 2, "there is no directory"),
        (["sample", "nope"], 2, "Missing option '-o'"),
        (["sample", "nope", "-n", "0", "-o", "x.png"], 2, "not in the range"),
        (["evaluate", "nope"], 3, "nope"),
        (["evaluate", "nope", "--samples", "1"], 2, "not in the range"),
        (["export", "-f", "docx"], 2, "'docx' is not one of"),
        (["export", "-o", "/no/such/dir/x.csv"], 4, "No such file or directory"),
        (["data", "fetch", "mnist2"], 3, "no data set called 'mnist2'"),
        (["data", "check", "digit"], 3, "did you mean 'digits'?"),
        (["index"], 2, ""),
    ],
)
def test_a_mistake_is_a_sentence_and_an_exit_code(invoke, runs, arguments, code, says):
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert runs() == []


def test_three_mistakes_in_a_recipe_are_said_at_once_and_nothing_starts(gentui, tmp_path, runs):
    (tmp_path / "bad.toml").write_text(BAD_RECIPE)
    done = gentui("run", "bad.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "bad.toml:8: model.channels: should be a whole number, not 'many'",
        "bad.toml:12: optim.lrr: unknown key (did you mean 'lr'?)",
        "bad.toml:14: train.steps: should be greater than or equal to 1, not -1",
    ]
    assert runs() == []


def test_missing_data_is_one_sentence_with_its_remedy(invoke, runs, monkeypatch, tmp_path):
    monkeypatch.setattr(FashionMNIST, "candidates", classmethod(lambda cls: [tmp_path / "nothing"]))
    result = invoke("run", "fashion-resnet-noise")
    assert result.exit_code == 4
    assert len(result.stderr.splitlines()) == 1
    assert "`gentui data fetch fashion-mnist`" in result.stderr
    assert result.stdout == ""
    assert runs() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"x = [",
        b"\x00" * 100,
        b"[" * 10_000,
        b"a = 1\n" * 1000,
        "name = '\u202e'".encode(),
    ],
    ids=["empty", "not-text", "torn", "zeros", "deep", "repeated", "reversed"],
)
def test_whatever_stands_in_a_recipe_file_is_no_crash(invoke, runs, tmp_path, content):
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    result = invoke("run", str(path))
    assert result.exit_code == 2, result.output
    assert "odd.toml" in result.stderr
    assert runs() == []


def test_a_directory_or_an_unreadable_file_is_no_recipe(invoke, tmp_path):
    (tmp_path / "folder.toml").mkdir()
    assert invoke("run", str(tmp_path / "folder.toml")).exit_code == 3


def test_terminal_tricks_in_an_argument_are_not_echoed(invoke):
    result = invoke("run", "\x1b]0;owned\x07\x1b[31m\u202e.toml")
    assert result.exit_code == 3
    assert not any(c in result.stderr for c in "\x1b\x07\u202e")


def test_terminal_tricks_in_a_recipe_are_not_shown(invoke, home, make_run, tmp_path):
    recipe = recipes.load("digits-unet").model_copy(update={"title": "\x1b]0;owned\x07\u202eevil"})
    path = tmp_path / "hostile.toml"
    path.write_text(recipe.to_toml())
    assert "\x1b" not in invoke("recipe", str(path)).stdout, "TOML spells control characters out"
    run = make_run(name="\x1b[2J\u202ename", status="failed", reason="\x1b[31mred\x07")
    for arguments in (["runs"], ["show", run.id], ["compare", run.id, run.id], ["runs", "--json"]):
        shown = invoke(*arguments).output
        assert not set(shown) & set("\x1b\x07\u202e"), arguments


def test_a_home_that_is_a_file_is_a_sentence(gentui, tmp_path):
    (tmp_path / "file").touch()
    done = gentui("--home", str(tmp_path / "file"), "runs")
    assert done.returncode == 4
    assert "is not a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_terminal_the_app_says_so(gentui):
    done = gentui()
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert done.stdout == ""


def test_an_argument_that_is_no_text_is_no_crash(home):
    import os
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable.encode(), b"-P", b"-m", b"gentui", b"show", b"\xff\xfe"],
        env={**os.environ, "GENTUI_HOME": str(home)}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == b"an argument is not valid text\n"


@pytest.mark.parametrize("variables", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_terminal_without_unicode_gets_what_it_can_show(home, make_run, variables):
    import os
    import subprocess
    import sys

    make_run(scores=(3.0,))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gentui", "leaderboard"],
        env={**os.environ, **variables, "GENTUI_HOME": str(home)}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"fid" in done.stdout
