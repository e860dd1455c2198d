"""What the machine did while a run trained, as ``gentui show`` tells it."""

from __future__ import annotations

import json

from engine.runs.events import EventWriter


def test_show_sums_up_what_the_machine_did(invoke, make_run):
    run = make_run()
    assert "machine during training" not in invoke("show", run.id).stdout
    writer = EventWriter(run.events_path(1))
    for step, percent in ((2, 30.0), (3, 50.0)):
        writer.emit("system", step=step, images=64 * step, values={"cpu_percent": percent})
    writer.close()
    assert "machine during training\n  cpu_percent = 40, at most 50\n" in invoke("show", run.id).stdout
    assert json.loads(invoke("show", run.id, "--json").stdout)["machine"] == {
        "cpu_percent": {"mean": 40, "most": 50}
    }
