"""One language for filters of traces: parsed once, and used wherever traces are chosen."""

from app.filters.filter import Filter
from app.filters.parsing import parse_filter

__all__ = ["Filter", "parse_filter"]
