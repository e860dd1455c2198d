"""Fixtures of these tests."""

from tests.support.jobs import home  # noqa: F401
from tests.support.ssh import machine  # noqa: F401
