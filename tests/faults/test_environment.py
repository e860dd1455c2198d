"""Faults of where gentui runs: users without a home, files that are no recipes."""

from __future__ import annotations

import os
import py_compile
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = 54321  # has no entry in /etc/passwd


READ_EVERYTHING = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
"""So that another user can read this checkout and its Python, wherever they lie."""
VARIABLES = ("GENTUI_HOME", "GENTUI_CONFIG", "GENTUI_DATA", "XDG_CACHE_HOME")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize(
    ("known", "refused", "works"),
    [
        ((), ("recipes", "runs", "doctor", "data"), ()),
        (VARIABLES[:1], ("recipes", "data"), ("runs",)),
        (VARIABLES, (), ("recipes", "runs", "data")),
    ],
    ids=["none", "home", "all"],
)
def test_a_user_without_a_home_directory_is_told_which_variables_to_set(known, refused, works, tmp_path):
    tmp_path.chmod(0o777)
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *READ_EVERYTHING]
    for command in (*refused, *works):
        done = subprocess.run(
            [*as_nobody, sys.executable, "-P", "-m", "gentui", command], cwd="/", capture_output=True, text=True,
            timeout=60, check=False,
            env={"PATH": os.environ["PATH"], **{name: str(tmp_path / name) for name in known}},
        )  # fmt: skip
        if command in works:
            assert done.returncode == 0, done.stderr
        else:
            assert done.returncode == 4
            assert done.stderr.splitlines() == [
                "this user has no home directory: set HOME, or all of GENTUI_HOME, GENTUI_CONFIG, GENTUI_DATA and "
                "XDG_CACHE_HOME"
            ]


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000])
def test_a_recipe_file_with_an_endless_number_hides_no_other(gentui, environment, tmp_path, number):
    environment["GENTUI_CONFIG"] = str(tmp_path / "config")
    folder = tmp_path / "config" / "recipes"
    folder.mkdir(parents=True)
    (folder / "broken.toml").write_text(f'name = "broken"\nseed = {number}\n')
    listed = gentui("recipes")
    assert listed.returncode == 0 and "digits-unet" in listed.stdout
    assert "broken.toml:2: not valid TOML: a whole number of thousands of digits" in listed.stderr
    assert "Traceback" not in listed.stderr
    overridden = gentui("run", "digits-unet", "-o", f"data.batch_size={number}")
    assert overridden.returncode == 2 and "Traceback" not in overridden.stderr


def test_a_broken_recipe_file_keeps_none_of_the_others_from_being_run(gentui, environment, runs, tmp_path):
    environment["GENTUI_CONFIG"] = str(tmp_path / "config")
    folder = tmp_path / "config" / "recipes"
    folder.mkdir(parents=True)
    (folder / "digits-broken.toml").write_text(f'name = "digits-broken"\nseed = {"9" * 5000}\n')
    (folder / "digits-wrong.toml").write_text('name = "digits-wrong"\n')
    started = gentui("run", "digits-*", "--quick")
    assert started.returncode == 0, started.stderr
    assert {run.info()["recipe"] for run in runs()} == {"digits-unet", "digits-cfg", "digits-vae"}
    assert "left out: " in started.stderr and "digits-broken.toml:2: not valid TOML" in started.stderr
    assert "digits-wrong.toml:" in started.stderr and "sampler: is required" in started.stderr
    refused = gentui("run", "digits-*", "--quick", "-o", "optim.lr=high")
    assert refused.returncode == 2 and "optim.lr" in refused.stderr and len(runs()) == 3
    alone = gentui("run", "digits-[bw]*", "--quick")
    assert alone.returncode == 2 and "digits-broken.toml:2: not valid TOML" in alone.stderr


needs_other_users = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to act as two users")


@pytest.fixture
def plugin(environment, tmp_path) -> Path:
    """A plug-in that leaves a mark when it is run."""
    environment["GENTUI_CONFIG"] = str(tmp_path / "config")
    folder = tmp_path / "config" / "plugins"
    folder.mkdir(parents=True)
    path = folder / "mine.py"
    path.write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    return path


def test_a_plug_in_of_ones_own_is_run(gentui, plugin, tmp_path):
    assert gentui("recipes").returncode == 0 and (tmp_path / "ran").exists()


@pytest.fixture(params=["file", "folder", "settings", "compiled", "folder of compiled"])
def changeable(plugin, request) -> Path:
    """What somebody would change to have code of theirs run in place of a plug-in."""
    compiled = Path(py_compile.compile(str(plugin), doraise=True))
    return {
        "file": plugin, "folder": plugin.parent, "settings": plugin.parent.parent, "compiled": compiled,
        "folder of compiled": compiled.parent,
    }[request.param]  # fmt: skip


def test_a_plug_in_that_everybody_may_change_is_not_run(gentui, plugin, tmp_path, changeable):
    changeable.chmod(changeable.stat().st_mode | 0o002)
    listed = gentui("recipes")
    assert listed.returncode == 0 and "digits-unet" in listed.stdout and not (tmp_path / "ran").exists()
    assert (
        f"plug-in {plugin} was not loaded: every user of this machine may change {changeable}" in listed.stderr
    )


@pytest.mark.parametrize("what", ["__init__.py", "inner/part.py", "inner"])
def test_a_package_of_which_everybody_may_change_a_part_is_not_run(gentui, plugin, tmp_path, what):
    package = plugin.with_suffix("")
    (package / "inner").mkdir(parents=True)
    (package / "inner" / "part.py").touch()
    plugin.rename(package / "__init__.py")
    assert gentui("recipes").returncode == 0 and (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    (package / what).chmod(0o777)
    listed = gentui("recipes")
    assert listed.returncode == 0 and not (tmp_path / "ran").exists()
    assert (
        f"plug-in {package} was not loaded: every user of this machine may change {package / what}"
        in listed.stderr
    )


def test_a_plug_in_behind_a_link_is_not_run_from_a_folder_that_everybody_may_change(gentui, plugin, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    plugin.rename(shared / "mine.py")
    plugin.symlink_to(shared / "mine.py")
    assert gentui("recipes").returncode == 0 and (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    shared.chmod(0o777)
    listed = gentui("recipes")
    assert (
        not (tmp_path / "ran").exists() and f"every user of this machine may change {shared}" in listed.stderr
    )


@needs_other_users
def test_a_plug_in_that_a_group_may_change_is_not_run(gentui, plugin, tmp_path):
    plugin.chmod(0o664)
    assert gentui("recipes").returncode == 0 and (tmp_path / "ran").exists(), "the group is root's own"
    (tmp_path / "ran").unlink()
    os.chown(plugin, -1, NOBODY)
    listed = gentui("recipes")
    assert listed.returncode == 0 and not (tmp_path / "ran").exists()
    assert f"its group may change {plugin}; look at it, then chmod g-w it" in listed.stderr


@needs_other_users
def test_a_plug_in_of_another_user_is_not_run(gentui, plugin, tmp_path):
    os.chown(plugin, NOBODY, NOBODY)
    listed = gentui("recipes")
    assert listed.returncode == 0 and not (tmp_path / "ran").exists()
    assert f"{plugin} belongs to another user" in listed.stderr


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_a_home_holds_is_closed_to_others_whatever_the_umask(environment, make_run, home, umask):
    run = make_run()
    command = [sys.executable, "-P", "-m", "gentui", "rm", run.id]
    done = subprocess.run(command, env=environment, umask=umask, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folders = [home / "trash", *(home / "trash").iterdir()]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_that_a_person_names_have_the_modes_of_their_umask(umask, mode, tmp_path):
    code = (
        "import sys, torch; from pathlib import Path; from engine.inference.sample import Drawing\n"
        "images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)\n"
        "for name in sys.argv[1:]: Drawing(images, 2, [images, images], 2).save(Path(name))\n"
    )
    files = [tmp_path / f"drawn.{suffix}" for suffix in ("png", "gif", "npy")]
    subprocess.run([sys.executable, "-P", "-c", code, *map(str, files)], umask=umask, check=True)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {mode}


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600)])
def test_tables_and_reports_have_the_modes_of_their_umask(umask, mode, environment, make_run, tmp_path):
    run = make_run(scores=(3.0,))
    commands = (
        ("export", "-o", "table.csv"), ("report", run.id, "-o", "report"),
        ("data", "statistics", "digits-unet", "real.npz"),
    )  # fmt: skip
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "gentui", *words], env=environment, umask=umask, cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    written = [tmp_path / "table.csv", tmp_path / "real.npz", *(tmp_path / "report").glob("*.*")]
    assert len(written) == 4 and {stat.S_IMODE(file.stat().st_mode) for file in written} == {mode}
