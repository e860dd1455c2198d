"""How many cases there are."""

import importlib
from pathlib import Path

from tests.support.cases import counted


def test_there_are_thousands_of_cases():
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.fuzz.{path.stem}")
    assert sum(counted.values()) >= 5000, counted
