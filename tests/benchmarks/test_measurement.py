"""How measurements are told: aims, tables, Markdown, and the way through JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.measurement import Measurement, Ratio
from benchmarks.report import render, section, sections
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class Row(Ratio):
    name: str = ""
    ms: float = 0.0


ABOUT = {"machine": "a machine", "versions": "Python 3"}
ROWS = (Row(1.3, 1.25, None, "slow", 12.346), Row(1.6, None, 1.5, "much", 1.0), Row(2.0, name="plain"))


@pytest.fixture
def measured() -> Measurement:
    return Measurement.of(
        ROWS,
        "A title",
        "How\n   it was done.",
        {"what": ("name", ""), "ms": ("ms", ".2f")},
        "python -m benchmarks.wire",
    )


def test_rows_say_whether_their_aim_was_met(measured: Measurement) -> None:
    assert measured.cells == [
        ["slow", "12.35", "1.30", "≤ 1.25", "no"],
        ["much", "1.00", "1.60", "≥ 1.5", "yes"],
        ["plain", "0.00", "2.00", "", ""],
    ]


def test_what_was_saved_is_loaded(measured: Measurement, tmp_path: Path) -> None:
    measured.save(tmp_path / "new" / "it.json")
    assert Measurement.load(tmp_path / "new" / "it.json") == measured


def test_a_section_names_machine_and_command(measured: Measurement) -> None:
    told = section(measured, ABOUT)
    assert "`python -m benchmarks.wire` on a machine; Python 3." in told
    assert "| slow | 12.35 | 1.30 | ≤ 1.25 | no |" in told
    assert "How it was done." in told


def test_the_page_keeps_what_was_not_measured_again(measured: Measurement) -> None:
    first = render({"wire": section(measured, ABOUT), "split": "## Split\n\n`python -m benchmarks.split` on another."})
    assert list(sections(first)) == ["split", "wire"]
    again = replace(measured, rows=measured.rows[:1])
    second = render(sections(first) | {"wire": section(again, ABOUT)})
    assert sections(second)["split"] == sections(first)["split"]
    assert "much" in first
    assert "much" not in second


def test_the_table_fits_the_screen(measured: Measurement) -> None:
    console = Console(width=60, record=True)
    console.print(measured.table())
    assert "slow" in console.export_text()


def test_the_report_puts_another_build_beside_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    (other / "benchmarks").mkdir(parents=True)
    (other / "benchmarks" / "wire.py").touch()
    asked = []

    def measure(name: str, checkout: Path = report.HERE, against: Path | None = None) -> Measurement:
        asked.append((name, checkout, against))
        ratio = Row(1.3 if checkout == other else 1.1, 1.2)
        return Measurement.of([ratio], name.title(), "Timed.", {}, f"python -m benchmarks.{name}")

    monkeypatch.setattr(report, "measure", measure)
    page = tmp_path / "page.md"
    report.main(report.PerformanceReportSettings(only=("wire", "split", "start"), page=page, against=other))
    assert asked == [
        ("wire", report.HERE, None),
        ("wire", other, None),
        ("split", report.HERE, None),
        ("start", report.HERE, other),
    ]
    told = sections(page.read_text())
    assert "| 1.10 | ≤ 1.2 | yes |" in told["wire"].partition("The other build:")[0]
    assert "| 1.30 | ≤ 1.2 | no |" in told["wire"].partition("The other build:")[2]
    assert "The other build:" not in told["split"]
    with pytest.raises(UsageError, match="expected a checkout of Keyhole"):
        report.main(report.PerformanceReportSettings(only=("wire",), page=page, against=tmp_path / "none"))
