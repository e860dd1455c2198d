"""The end of a process of the engine."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import NoReturn


def run(main: Callable[[], int]) -> NoReturn:
    """Call ``main`` and end the process with the exit code that it returns or raises."""
    try:
        code = main()
    finally:
        gc.freeze()  # else Python looks for cycles in all of torch on its way out, as long as importing it takes
    sys.exit(code)
