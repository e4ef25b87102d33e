"""The tables of the views and boards that people save for everybody in their project."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from app.storage.metadata import instant, metadata

__all__ = ["boards", "saved_views"]

saved_views = Table(
    "saved_views",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("view_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Text, nullable=False),
    instant("created_at", now=True),
)

boards = Table(
    "boards",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("board_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("charts", JSONB, nullable=False),
    instant("created_at", now=True),
    instant("changed_at", now=True),
)
