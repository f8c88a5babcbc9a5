"""Flags of ``keyhole data sets``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SetsSettings:
    """List the data sets that can be opened as NAME:PATH, with layout, parts and where each is obtained."""

    filter: str = ""
    """Only sets whose name or task contains this text."""
