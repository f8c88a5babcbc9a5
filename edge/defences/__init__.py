"""Defences by name: one file each, one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge.defences.base import Defence
from edge.defences.none import NoDefence
from keyhole.service.errors import unknown_name

__all__ = ["DEFENCES", "Defence", "defence_named"]

DEFENCES: Mapping[str, Callable[[], Defence]] = {"none": NoDefence}


def defence_named(name: str) -> Defence:
    """The defence of that name with its default settings.

    Raises:
        UsageError: unknown name; the message lists the nearest.
    """
    if name not in DEFENCES:
        raise unknown_name("defence", name, DEFENCES)
    return DEFENCES[name]()
