"""The adversary's command."""

from __future__ import annotations

from collections.abc import Mapping

from keyhole.commands import Command

COMMANDS: Mapping[str, Command] = {
    "adversary": Command(
        "adversary.settings:AdversarySettings",
        "adversary.process:run",
        "Tap frames and reconstruct the pictures",
        "adversary.preparation:forecast",
    ),
}
