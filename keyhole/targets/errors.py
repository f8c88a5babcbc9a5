"""What can go wrong when a target is loaded."""

from __future__ import annotations

from keyhole.service.errors import UsageError


class TargetError(UsageError):
    """A target or weights that do not exist or do not fit; the message says what was expected."""
