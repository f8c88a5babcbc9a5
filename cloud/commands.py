"""The cloud's command."""

from __future__ import annotations

from collections.abc import Mapping

from keyhole.commands import Command

COMMANDS: Mapping[str, Command] = {
    "cloud": Command("cloud.settings:CloudSettings", "cloud.process:run", "Finish the inference; serve the tap"),
}
