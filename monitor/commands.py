"""The monitor's commands."""

from __future__ import annotations

from collections.abc import Mapping

from keyhole.commands import Command

COMMANDS: Mapping[str, Command] = {
    "monitor": Command(
        "monitor.settings:MonitorSettings",
        "monitor.process:run",
        "Score reconstructions against the truth, show them",
        "monitor.forecast:forecast",
    ),
    "report": Command("monitor.settings:ReportSettings", "monitor.report:report", "Write a stored run's report again"),
}
