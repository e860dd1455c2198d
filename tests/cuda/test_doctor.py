"""What doctor says of a GPU."""

from __future__ import annotations

import pytest

from gentui.cli import doctor
from tests.support.pretended_cuda import H200, T4, pretended_gpu


@pytest.mark.parametrize(
    ("kind", "told"), [(H200, "NVIDIA H200; products of fp32 in TF32"), (T4, "Tesla T4"), (None, "none found")]
)
def test_doctor_names_the_gpu_and_tells_of_tf32(kind, told, capsys, monkeypatch):
    if kind is None:
        exec(doctor._TORCH, {})
    else:
        with pretended_gpu(kind):
            exec(doctor._TORCH, {})
    monkeypatch.setattr(doctor, "_TORCH", f"print({capsys.readouterr().out!r}, end='')")
    checks = {check.name: check for check in doctor._torch()}
    assert checks["gpu"].ok and checks["gpu"].detail.partition(":")[0] == told
    assert checks["torch"].ok and "CPU threads" in checks["torch"].detail
