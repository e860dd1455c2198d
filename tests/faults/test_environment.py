"""Faults of where gentui runs: users without a home, files that are no recipes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = 54321  # has no entry in /etc/passwd


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize("known", ["", "GENTUI_HOME"])
def test_a_user_without_a_home_directory_is_told_which_variables_to_set(known, tmp_path):
    tmp_path.chmod(0o777)
    variables = {"PATH": os.environ["PATH"]} | ({known: str(tmp_path / "home")} if known else {})
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    command = [*as_nobody, sys.executable, "-P", "-m", "gentui"]
    for arguments in (["recipes"], ["runs"], ["doctor"], ["data"]):
        done = subprocess.run(
            [*command, *arguments],
            env=variables,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if "No module named gentui" in done.stderr or "Permission denied" in done.stderr:
            pytest.skip("another user cannot read this checkout")
        assert "Traceback" not in done.stderr
        if done.returncode:
            assert done.returncode == 4
            assert "set HOME, or all of GENTUI_HOME, GENTUI_CONFIG, GENTUI_DATA" in done.stderr


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


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_plug_in_that_everybody_may_change_is_not_run(gentui, plugin, tmp_path, what):
    changeable = plugin if what == "file" else plugin.parent
    changeable.chmod(changeable.stat().st_mode | 0o002)
    listed = gentui("recipes")
    assert listed.returncode == 0 and "digits-unet" in listed.stdout and not (tmp_path / "ran").exists()
    assert (
        f"plug-in {plugin} was not loaded: every user of this machine may change {changeable}" in listed.stderr
    )


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
