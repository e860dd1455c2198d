"""Fixtures of these tests."""

from tests.support.cli import environment, gentui, home, invoke  # noqa: F401
