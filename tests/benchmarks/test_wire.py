"""The measurement of the wire, on a payload small enough to be quick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_both_ways_are_timed_over_real_processes(tmp_path: Path) -> None:
    report = tmp_path / "wire.json"
    command = [sys.executable, "-m", "benchmarks.wire", "--calls", "2", "--json", str(report)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=200)
    rows = json.loads(report.read_text())["rows"]
    assert [row["kib"] for row in rows] == [98, 784, 3072, 24576]
    assert [row["way"] for row in rows] == ["Infer", "Infer", "Infer", "InferStream"]
    assert all(row["ratio"] == row["ours_ms"] / row["bare_ms"] > 0 for row in rows)
    assert [row["aim"] for row in rows] == ["≤ 1.2", "≤ 1.2", "≤ 1.1", "≤ 1.15"]
