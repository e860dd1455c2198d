"""Fixtures of these tests."""

from tests.support.engine import make_run, trained, trained_once  # noqa: F401
