"""Fixtures of these tests."""

from tests.support.cli import environment, gentui, home, invoke, make_run, pretend, real_gentui, runs  # noqa: F401
from tests.support.engine import trained_once  # noqa: F401
