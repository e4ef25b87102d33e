"""Bodies of evaluations in every form in which they may come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final, NamedTuple
from uuid import UUID

from fastapi import Request, Response

from app.api.bodies import find_media, stream_body
from app.api.dependencies import Services
from app.api.evaluations import MOST_AT_ONCE, accepted, refuse_empty
from app.errors import MonitorError
from app.uploading.keeping import Item, Upload
from app.uploading.reading import Items, Reading, read_items
from app.uploading.rows import CsvRows, JsonRows, NdjsonRows

__all__ = ["MOST_BYTES", "Short", "take_body"]

MOST_BYTES: Final = 2 * 1024**3
"""Bytes of one evaluation, also after decompression."""
