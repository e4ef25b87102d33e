"""The table by which a search for a text leaves out calls that cannot hold it."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, Table, Text, Uuid

from app.storage.metadata import metadata

__all__ = ["text_blocks"]

text_blocks = Table(
    "text_blocks",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("first_id", Uuid, primary_key=True),
    Column("until_id", Uuid, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
