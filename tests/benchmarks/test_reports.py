"""The report of a long run, measured on short ones."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reports import ReportsSettings, make_run, measurement
from monitor.history import read_history
from monitor.summary import summarise


def test_the_run_that_is_made_up_is_one_with_every_part(tmp_path: Path) -> None:
    make_run(tmp_path, 40)
    summary = summarise(read_history(tmp_path))
    assert (summary.frames_answered, summary.frames_scored) == (40, 40)
    attack = summary.attacks["pixels-black"]
    assert attack.secrets
    assert attack.leak
    assert "blind" in summary.attacks


def test_a_report_of_each_is_written_and_timed() -> None:
    found = measurement(ReportsSettings(frames=(4, 8)))
    assert [row["frames"] for row in found.rows] == [4, 8]
    assert all(row["seconds"] > 0 and row["mib"] > 10 for row in found.rows)
