"""The name and version that the service reports about itself."""

from __future__ import annotations

from typing import Final

__all__ = ["SERVICE", "VERSION"]

SERVICE: Final = "llm-monitoring-framework"
VERSION: Final = "0.1.0"
