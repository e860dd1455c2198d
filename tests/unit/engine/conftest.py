"""Fixtures of these tests."""

from tests.support.engine import _one_thread, make_run, trained  # noqa: F401
