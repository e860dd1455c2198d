"""Fixtures of these tests."""

from tests.support.cli import home  # noqa: F401
