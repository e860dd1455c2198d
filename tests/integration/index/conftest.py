"""Fixtures of these tests."""

from tests.support.index import home, index, make_run  # noqa: F401
