"""Fixtures of these tests."""

from tests.support.engine import failing, make_run, trained, trained_once  # noqa: F401
