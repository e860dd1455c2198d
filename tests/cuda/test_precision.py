"""The precision that a GPU gets, and where it is told."""

from __future__ import annotations

import pytest
import torch

from engine import devices
from engine.methods import compiling
from engine.methods.compiling import choose_compile
from engine.training import precision
from tests.support.device_runs import BARE, attempt, device_run
from tests.support.engine import assert_same, comparable, events
from tests.support.pretended_cuda import H200, T4, pretended_gpu


@pytest.fixture
def half_the_time(monkeypatch):
    """Tensor cores, whose speed a processor does not have: what is not fp32 takes half as long."""
    run = precision._Probe.run

    def timed(probe, kind: str, count: int):
        return (2.0 if kind == "fp32" else 1.0), run(probe, kind, count)[1]

    monkeypatch.setattr(precision._Probe, "run", timed)


@pytest.mark.parametrize(("kind", "chosen", "tf32"), [(H200, "bf16", True), (T4, "fp16", False)])
def test_auto_is_what_the_gpu_computes_in(half_the_time, tmp_path, capsys, kind, chosen, tf32):
    with pretended_gpu(kind) as gpu:
        assert torch.cuda.is_bf16_supported(including_emulation=False) == (chosen == "bf16")
        ended = attempt(device_run(tmp_path, "digits-vae", evaluate__times=0), gpu)
    assert ended.code == 0, ended.end["reason"]
    (started,) = [event for event in events(ended.run, "status") if event["status"] == "started"]
    assert (started["precision"], started["tf32"]) == (chosen, tf32)
    line = next(line for line in capsys.readouterr().out.splitlines() if "parameters" in line)
    assert f"on cuda:0, {chosen} (" in line and ("fp32 products in TF32" in line) == tf32


def test_a_processor_has_no_tf32():
    assert not devices.uses_tf32(torch.device("cpu"))


@pytest.mark.parametrize("name", ["digits-vae", "photos-dcgan"])  # one net, and two that train each other
def test_steps_in_fp16_wait_for_nothing_and_go_on_after_a_stop(tmp_path, name):
    """Gradients are scaled, and a step with one that is not finite is left out: the device decides that, too."""
    changes = {**BARE, "train__precision": "fp16"}
    with pretended_gpu(T4) as gpu:
        whole, resumed = (device_run(tmp_path, name, **changes) for _ in range(2))
        done = attempt(whole, gpu)
        attempt(resumed, gpu, stop_at=2)
        assert (done.code, attempt(resumed, gpu).code) == (0, 0), done.end["reason"]
    assert not [wait for step in done.steps for wait in step.waits]
    assert_same(comparable(whole), comparable(resumed))


@pytest.mark.parametrize(
    ("kind", "steps", "compiled", "why"),
    [
        (("NVIDIA H200", (9, 0), 140 << 30), 10**6, True, "it is worth it in 1,000,000 steps"),
        (("NVIDIA H200", (9, 0), 140 << 30), 100, False, "longer than it can save in 100 steps"),
        (("Tesla P100", (6, 0), 16 << 30), 10**6, False, "torch does not compile for Tesla P100"),
    ],
)
def test_auto_compiles_in_long_runs_on_gpus_that_it_can_compile_for(monkeypatch, kind, steps, compiled, why):
    monkeypatch.setattr(compiling, "find_spec", lambda name: object())
    with pretended_gpu(kind):
        choice = choose_compile("auto", torch.device("cuda:0"), steps)
    assert choice.compiled is compiled and why in choice.reason


def test_without_its_compiler_nothing_is_compiled(monkeypatch, gpu):
    monkeypatch.setattr(compiling, "find_spec", lambda name: None)
    choice = choose_compile("auto", torch.device("cuda:0"), 10**6)
    assert not choice.compiled and "triton" in str(choice)
