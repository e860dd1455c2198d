"""The script for a real GPU, on the pretended one and on the CPU: what it would do there is known to work."""

from __future__ import annotations

import json

import pytest
import torch

from tests.gpu import __main__ as script
from tests.gpu import checks, speeds


def test_its_checks_hold_on_the_pretended_gpu(gpu, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        checks,
        "FEW",
        {**checks.FEW, "train.steps": 4, "health.alarms": False, "model.channels": 8, "model.groups": 4},
    )
    assert script.main(["parity", "resume", "--out", str(tmp_path / "gpu.json")]) == 0
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert {name: check["holds"] for name, check in found["checks"].items()} == {"parity": True, "resume": True}
    assert found["device"] == gpu.name
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("parity: holds: gradients differ by at most") and "bit for bit" in printed[1]


def test_a_difference_between_the_devices_is_found(gpu, monkeypatch):
    sent = checks.sent

    def other(batch, device):
        batch = sent(batch, device)
        return type(batch)(batch.images * (1.1 if device.type == "cuda" else 1), batch.labels, batch.target)

    monkeypatch.setattr(checks, "sent", other)
    with pytest.raises(checks.Failed, match="differs by"):
        checks.check_parity(torch.device("cuda:0"))


def test_speeds_are_measured_and_laid_out_as_a_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speeds, "SECONDS", 0.01)
    monkeypatch.setattr(speeds, "TIMED", ("digits-vae",))
    monkeypatch.setattr(speeds, "COMPILED", (False,))  # a compiler takes minutes
    assert script.main(["training", "sampling", "--device", "cpu", "--out", str(tmp_path / "gpu.json")]) == 0
    found = json.loads((tmp_path / "gpu.json").read_text())["speeds"]
    assert [row["compiled"] for row in found["training"]] == [False]
    assert found["training"][0]["images_per_s"] > 0 and 0 < found["training"][0]["peak_share"] < 1.5
    assert found["sampling"][0]["images_per_s"] > 0
    assert "| `digits-vae` | no |" in capsys.readouterr().out


def test_without_the_device_nothing_is_checked(tmp_path, capsys):
    assert script.main(["--out", str(tmp_path / "gpu.json")]) == 4
    assert "nothing was checked" in capsys.readouterr().err and not (tmp_path / "gpu.json").exists()


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit) as left:
        script.main(["speed"])
    assert left.value.code == 2 and "there is no part called speed" in capsys.readouterr().err
