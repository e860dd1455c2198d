"""No test sees the recipes, plug-ins and cache of whoever runs it, none computes on more than one thread, and signals
do what they do."""

import atexit
import gc
import math
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

os.environ["GENTUI_CONFIG"] = str(Path(__file__).parent / "no-such-directory")
# Beside other tests, threads that wait for each other at every small operation cost many times what they save.
# Set before torch and numpy are imported, and inherited by every process that a test starts.
os.environ.update(GENTUI_THREADS="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
os.environ.setdefault(
    "TEXTUAL_FPS", "60"
)  # as Textual comes; a frame that nobody looks at is painted less often

if given := os.environ.get("GENTUI_TESTS_CACHE"):
    os.environ["XDG_CACHE_HOME"] = given
elif "PYTEST_XDIST_WORKER" not in os.environ:  # the workers share the cache of the process that starts them
    _cache = tempfile.mkdtemp(prefix="gentui-tests-")
    os.environ["XDG_CACHE_HOME"] = _cache
    atexit.register(shutil.rmtree, _cache, ignore_errors=True)

# In the background, and under nohup, some are ignored, and so they would be by every process that a test starts.
for _number, _action in {
    signal.SIGINT: signal.default_int_handler, signal.SIGQUIT: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL,
}.items():  # fmt: skip
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _action)

# A screen makes a hundred thousand objects; with Python's thresholds a fifth of the time goes into looking for cycles.
gc.set_threshold(50_000, 10, 100)
MANY_DESCRIPTORS, MANY_MODULES = 200, 200


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """``-n auto``: three workers to two cores, since tests wait for processes a quarter of their time."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    return math.ceil(1.5 * len(os.sched_getaffinity(0)))


_modules_frozen = 0


def freeze_modules() -> None:
    """Leave what was imported for the tests out of every collection of cycles."""
    global _modules_frozen
    gc.collect()
    gc.freeze()
    _modules_frozen = len(sys.modules)


def pytest_collection_finish() -> None:
    freeze_modules()


def pytest_runtest_setup() -> None:
    """What a test draws from torch's global generator depends on no test before it."""
    if len(sys.modules) > _modules_frozen + MANY_MODULES:  # imported by the tests before
        freeze_modules()
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


def pytest_runtest_teardown() -> None:
    """Let nobody run out of descriptors: what tests leave open is closed by a collection, and those are rare here."""
    if sum(1 for _ in Path("/proc/self/fd").iterdir()) > MANY_DESCRIPTORS:
        gc.collect()
