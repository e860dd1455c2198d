"""Fixtures of these tests."""

from tests.support.data import cache, data, paint  # noqa: F401
