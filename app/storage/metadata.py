"""What every table is declared with: the metadata that holds them all, and columns for moments."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, func

__all__ = ["instant", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def instant(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    """Return a column of aware moments; with `now`, the moment of insertion is the default."""
    return Column(
        name, DateTime(timezone=True), nullable=nullable, server_default=func.now() if now else None
    )
