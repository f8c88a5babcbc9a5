"""``keyhole report``: a stored run's report, written again."""

from __future__ import annotations

import json

from monitor.report import CONTACT_SHEET, REPORT, SUMMARY, write_report
from monitor.settings import ReportSettings


def report(settings: ReportSettings) -> int:
    """Write summary, contact sheet and report beside the run and say where they are."""
    summary = write_report(settings.run, url=settings.database, threshold=settings.alarm_ssim)
    if settings.json:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        settings.json.write_text(json.dumps(summary.as_json(), indent=2) + "\n")
    for name in (SUMMARY, CONTACT_SHEET, REPORT):
        if (settings.run / name).exists():
            print(settings.run / name)
    return 0
