"""The edge's commands: the victim's device, and the adversary's own."""

from __future__ import annotations

from collections.abc import Mapping

from keyhole.commands import Command

COMMANDS: Mapping[str, Command] = {
    "edge": Command(
        "edge.settings:EdgeSettings",
        "edge.process:run",
        "Run the head on pictures and send the frames",
        "edge.preparation:forecast",
    ),
    "oracle": Command("edge.settings:OracleSettings", "edge.oracle:run", "Answer the adversary's queries"),
}
