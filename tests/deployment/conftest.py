"""What the tests of deployment files share."""

from __future__ import annotations

from tests.e2e.conftest import report

__all__ = ["report"]
