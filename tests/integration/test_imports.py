"""What may be imported from where, each time in a process of its own."""

import subprocess
import sys

import pytest


def loaded_by(statement: str, *modules: str) -> str:
    """The modules of those named that are loaded after the statement."""
    code = f"import sys\n{statement}\nprint(*[m for m in {modules!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def brought_in(rooms: list[str], *modules: str) -> str:
    """Which of the rooms, imported one after the other in one process, bring in which of the modules."""
    code = (
        "import importlib, sys\n"
        f"for room in {rooms!r}:\n"
        "    importlib.import_module(room)\n"
        f"    for module in [m for m in {modules!r} if m in sys.modules]:\n"
        "        print(room, 'imports', module)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_command_line_imports_neither_torch_nor_textual():
    assert (
        loaded_by("import gentui.cli.main", "torch", "textual", "torchvision", "sklearn", "textual_image") == ""
    )


def test_every_command_can_be_loaded_without_torch_or_textual():
    load_all = "import gentui.cli.main as c; [c.cli.get_command(None, name) for name in c.COMMANDS]"
    assert loaded_by(load_all, "torch", "textual", "torchvision", "sklearn", "numpy") == ""


def test_the_app_does_not_import_torch():
    pytest.importorskip("gentui.tui.app")
    assert loaded_by("import gentui.tui.app", "torch", "torchvision", "sklearn", "torch_fidelity") == ""


def test_the_rooms_of_the_app_import_neither_torch_nor_textual():
    rooms = [
        "index",
        "jobs",
        "export",
        "cli.doctor",
        "machine.monitor",
        "runs.compare",
        "cli.progress",
        "machine.datasets",
        "imports.importer",
    ]
    assert brought_in([f"gentui.{room}" for room in rooms], "torch", "textual", "sklearn") == ""


def test_no_logger_is_loaded_before_one_of_its_logs_is_read():
    load_all = "import gentui.cli.commands.importing, gentui.imports.discovery, gentui.imports.importer"
    assert loaded_by(load_all, "wandb", "tensorboard", "google.protobuf") == ""


def test_what_the_app_uses_of_the_engine_is_torch_free():
    rooms = ["engine.runs.directory", "engine.runs.events", "engine.recipes.recipe"]
    assert brought_in(rooms, "torch", "sklearn", "gentui") == ""


def test_every_part_can_be_described_without_torch():
    describe = "from engine.recipes.recipe import menu; menu()"
    assert loaded_by(describe, "torch", "sklearn", "gentui") == ""


def test_opening_the_index_imports_neither_numpy_nor_sqlite_utils_nor_torch():
    assert brought_in(["gentui.jobs", "gentui.index"], "numpy", "sqlite_utils", "torch", "pydantic") == ""


def test_asking_for_an_extractor_imports_no_torch():
    listed = (
        "from engine.settings import registry; print(*registry.names('extractor'), end=' '); "
        "assert registry.find('extractor', 'inception').remedy"
    )
    assert (
        loaded_by(listed, "torch")
        == "digits-cnn digitsm-cnn fashion-cnn inception lenet photos-cnn probe toon-cnn"
    )


def test_opening_digits_imports_neither_scikit_learn_nor_torchvision():
    opened = (
        "from engine.data.dataset import open_dataset; from engine.settings.datasets.embedded import Digits; "
        "open_dataset(Digits())"
    )
    assert loaded_by(opened, "sklearn", "scipy", "torchvision", "pandas") == ""


def test_the_engine_does_not_import_the_app():
    assert loaded_by("import engine.__main__, engine.training.loop", "gentui") == ""


def test_a_folder_called_engine_in_the_working_directory_is_not_imported(tmp_path):
    for name in ("engine", "recipes", "torch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('picked up')")
    command = [sys.executable, "-P", "-m", "gentui", "recipes"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "digits-unet" in done.stdout


STEP = """
import torch
from engine.methods.optim import build_optimizer
from engine.settings.optim import Adam
def step():
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = build_optimizer(Adam(), [weight])
    weight.sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    return weight.detach()
first = step()
"""


def test_neither_an_optimiser_nor_a_score_imports_the_compiler():
    code = (
        STEP
        + """
from engine.evaluation.fidelity import precision_recall
assert precision_recall(torch.rand(8, 2), torch.rand(8, 2))
"""
    )
    assert loaded_by(code.strip(), "sympy", "torch._dynamo.eval_frame", "torch._inductor") == ""


def test_the_compiler_is_there_for_who_uses_it():
    code = (
        STEP
        + """
from torchvision.ops.roi_align import is_compile_supported
assert not is_compile_supported("meta")
assert is_compile_supported("cpu") == torch._dynamo.utils.is_compile_supported("cpu")
double = torch.compile(lambda x: 2 * x, backend="eager")
assert torch.equal(double(torch.ones(2)), torch.full((2,), 2.0))
import sys, torch._dynamo.config
assert torch._dynamo is sys.modules["torch._dynamo"] and torch._dynamo.eval_frame.__name__ in sys.modules
assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
assert torch.equal(step(), first)
"""
    )
    assert loaded_by(code.strip(), "torch._dynamo.eval_frame") == "torch._dynamo.eval_frame"
