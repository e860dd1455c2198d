"""Fixtures of these tests."""

from tests.support.jobs import home  # noqa: F401
