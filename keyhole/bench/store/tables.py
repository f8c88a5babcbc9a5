"""The tables of a run: its cells, and what it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Holds the tables' metadata."""


class CellRow(Base):
    """A cell that ended."""

    __tablename__ = "cells"

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    record: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # none: it failed
    error: Mapped[str] = mapped_column(default="")  # last line, then the traceback
    seconds: Mapped[float]  # wall time
    at: Mapped[float]  # Unix time of its end, seconds
    machine: Mapped[str]


class AboutRow(Base):
    """A fact about the run; the values are JSON."""

    __tablename__ = "about"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
