"""Fixtures of these tests."""

from tests.support.cli import environment, gentui, home, invoke  # noqa: F401
from tests.support.data import cache, data, paint  # noqa: F401
from tests.support.engine import make_run  # noqa: F401
from tests.support.recipes import problems  # noqa: F401
