"""One choice of precision for the same nets on the same kind of device, whatever the timing says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

from engine import devices
from engine.data.batch import Batch, ImageSpec
from engine.methods import Method
from engine.methods.building import context_of
from engine.methods.diffusion import EDM
from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.precisions import PrecisionMemory, home_of
from engine.settings import registry
from engine.training import precision
from engine.training.precision import choose_precision, probe_precision

CPU = torch.device("cpu")
DELAYS = [{"fp32": 1}, {"bf16": 1}, {"fp32": 2}, {}, {"bf16": 2}]
"""Seconds by precision by which the probe of each seed takes longer."""


class HeldUp(EDM):
    """Its gradients take a second, and longer while something else uses the machine. So say clocks of its own:
    the real ones know of other work, too."""

    delays: ClassVar[dict[str, float]] = {}
    work: ClassVar[dict[str, float]] = {}
    now: ClassVar[float] = 0.0
    worked: ClassVar[float] = 0.0

    def probe_gradient(self, batch):
        worked = 1 + self.work.get(self.precision, 0)
        HeldUp.worked += worked
        HeldUp.now += worked + self.delays.get(self.precision, 0)
        return super().probe_gradient(batch)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clocks = SimpleNamespace(perf_counter=lambda: HeldUp.now, process_time=lambda: HeldUp.worked)
    monkeypatch.setattr(precision, "time", clocks)


class Rounded(HeldUp):
    """Its gradients in bf16 have nothing to do with those in fp32."""

    def probe_gradient(self, batch):
        gradient = super().probe_gradient(batch)
        return gradient if self.precision == "fp32" else -gradient


def method(seed=0, kind=HeldUp, channels=8):
    recipe = load("digits-unet").with_values(
        {"model.channels": channels, "model.groups": 4, "train.seed": seed}
    )
    torch.manual_seed(seed)
    context = context_of(recipe, ImageSpec((1, 8, 8), 10), CPU, 10, 5)
    built = registry.build(recipe.method, Method, context)
    built.__class__ = kind
    return built


def batch(size=4, channels=1):
    return Batch(torch.randn(size, channels, 8, 8), torch.zeros(size, dtype=torch.int64))


def new_run(home):
    return RunDir.create(home, "", {}, State())


def stored(home):
    return [json.loads(path.read_bytes()) for path in (home / "precisions").iterdir()]


@pytest.fixture(params=[True, False], ids=["native bf16", "no native bf16"])
def native(request, monkeypatch):
    """Whether the device computes in bf16 itself: of both kinds, this machine is only one."""
    monkeypatch.setattr(precision, "has_native_bf16", lambda device: request.param)
    return request.param


@pytest.fixture
def not_native(monkeypatch):
    monkeypatch.setattr(precision, "has_native_bf16", lambda device: False)


@pytest.mark.parametrize("seed", range(len(DELAYS)))
def test_other_work_on_the_machine_does_not_change_what_is_measured(native, seed, monkeypatch):
    monkeypatch.setattr(HeldUp, "delays", DELAYS[seed])
    assert probe_precision(method(seed), batch())["precision"] == ("bf16" if native else "fp32")


def test_five_seeds_get_one_precision_however_noisy_the_timing(native, tmp_path: Path, monkeypatch):
    chosen, measured = [], []
    for seed, work in enumerate(DELAYS):
        monkeypatch.setattr(HeldUp, "work", work)
        measured.append(probe_precision(method(seed), batch())["precision"])
        chosen.append(choose_precision(method(seed), batch(), new_run(tmp_path)))
    assert len({choice["precision"] for choice in chosen}) == 1
    assert set(measured) == {"fp32", "bf16"}, "the timing was not noisy enough to matter"
    assert all("as chosen for these nets" in choice["reason"] for choice in chosen[1:])
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize(("more_work", "chosen"), [(0.2, "bf16"), (0.5, "fp32")])
def test_native_bf16_that_takes_a_processor_much_longer_is_not_chosen(native, more_work, chosen, monkeypatch):
    monkeypatch.setattr(HeldUp, "work", {"bf16": more_work})
    choice = probe_precision(method(), batch())
    assert choice["precision"] == (chosen if native else "fp32")
    assert f"{1 / (1 + more_work):.2f}× the speed of fp32" in choice["reason"]


def test_a_remembered_choice_says_when_where_and_why_it_was_made(tmp_path: Path):
    first = choose_precision(method(), batch(), new_run(tmp_path))
    again = choose_precision(method(1), batch(), new_run(tmp_path))
    [file] = stored(tmp_path)
    assert again["reason"] == (
        f"as chosen for these nets on {devices.device_kind(CPU)} on {file['chosen'][:10]}: {first['reason']}"
    )
    assert {**again, "reason": ""} == {**first, "reason": ""}
    assert file["nets"]["model"].startswith("UNet, ") and file["image"] == [1, 8, 8]


def test_native_bf16_whose_gradients_disagree_is_not_chosen(native, tmp_path: Path):
    choice = choose_precision(method(kind=Rounded), batch(), new_run(tmp_path))
    assert choice["precision"] == "fp32" and "disagree" in choice["reason"]


def test_the_batch_size_shares_a_choice_and_other_nets_images_or_devices_do_not(tmp_path: Path, monkeypatch):
    run = new_run(tmp_path)
    choose_precision(method(), batch(), run)
    choose_precision(method(), batch(size=6), run)
    assert len(stored(tmp_path)) == 1
    choose_precision(method(channels=12), batch(), run)
    assert len(stored(tmp_path)) == 2
    choose_precision(method(kind=Rounded), batch(), run)
    assert len(stored(tmp_path)) == 3
    monkeypatch.setattr(precision, "device_kind", lambda device: "cpu: another one")
    choose_precision(method(), batch(), run)
    assert len(stored(tmp_path)) == 4


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"precision": "bf17"}', b"\xff\x00", b"[" * 100_000])
def test_a_damaged_file_is_chosen_anew(damage, tmp_path: Path):
    first = choose_precision(method(), batch(), new_run(tmp_path))
    [path] = (tmp_path / "precisions").iterdir()
    path.write_bytes(damage)
    assert choose_precision(method(), batch(), new_run(tmp_path))["precision"] == first["precision"]
    assert PrecisionMemory(tmp_path).recall(path.stem) is not None
    assert [each["precision"] for each in PrecisionMemory(tmp_path).choices()] == [first["precision"]]


def test_a_deleted_file_is_forgotten(not_native, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(HeldUp, "work", {"fp32": 1})
    assert choose_precision(method(), batch(), new_run(tmp_path))["precision"] == "bf16"
    [path] = (tmp_path / "precisions").iterdir()
    path.unlink()
    monkeypatch.setattr(HeldUp, "work", {"bf16": 1})
    assert choose_precision(method(), batch(), new_run(tmp_path))["precision"] == "fp32"


def test_a_home_that_cannot_be_written_is_no_error(tmp_path: Path):
    (tmp_path / "precisions").touch()
    choice = choose_precision(method(), batch(), new_run(tmp_path))
    assert f"not remembered, because {tmp_path / 'precisions'} cannot be written" in choice["reason"]


def test_a_run_outside_of_a_home_leaves_nothing_beside_it(tmp_path: Path):
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    choice = choose_precision(method(), batch(), RunDir(folder))
    assert "in no home" in choice["reason"]
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]


def test_a_homes_folder_of_runs_may_be_a_link_to_another_disk(tmp_path: Path, monkeypatch):
    home, disk = tmp_path / "home", tmp_path / "disk"
    run = new_run(disk)
    home.mkdir()
    (home / "runs").symlink_to(disk / "runs")
    assert home_of(run) == disk
    monkeypatch.setenv("GENTUI_HOME", str(home))
    assert home_of(run) == home
    monkeypatch.setenv("GENTUI_HOME", str(tmp_path / "elsewhere"))
    assert home_of(run) == disk


REMEMBER = """
import sys
from pathlib import Path
from engine.runs.precisions import PrecisionMemory

home, precision = sys.argv[1:]
choice = {"precision": precision, "reason": "measured", "chosen": "2026-11-28T00:00:00Z", "device": "cpu: x"}
print("ready", flush=True)
sys.stdin.readline()
print(PrecisionMemory(Path(home)).remember("key", choice)["precision"])
"""


def test_processes_that_choose_at_the_same_time_agree(tmp_path: Path):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", REMEMBER, tmp_path, chosen],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for chosen in ("fp32", "bf16", "fp32", "bf16")
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = {process.communicate()[0].strip() for process in started}
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("text", "kind", "native"),
    [
        (
            "processor\t: 0\nmodel name\t: AMD EPYC 9004\nflags\t\t: fpu avx512f avx512_bf16\n",
            "AMD EPYC 9004",
            True,
        ),
        ("model name\t: Intel Xeon\nflags\t\t: fpu amx_tile amx_bf16\n", "Intel Xeon", True),
        ("model name\t: Intel Core i5\nflags\t\t: fpu avx2\n", "Intel Core i5", False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n", "", True),
        ("", "", False),
    ],
)
def test_what_the_kernel_says_of_the_processor(text, kind, native, tmp_path: Path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(devices, "_CPUINFO", tmp_path / "cpuinfo")
    assert devices.has_native_bf16(CPU) is native
    assert devices.device_kind(CPU).startswith("cpu: ") and kind in devices.device_kind(CPU)


def test_torch_agrees_with_the_kernel_about_this_processor():
    capabilities = torch.cpu.get_capabilities()
    names = ("avx512_bf16", "amx_bf16", "bf16")
    assert devices.has_native_bf16(CPU) is any(capabilities.get(name, False) for name in names)
