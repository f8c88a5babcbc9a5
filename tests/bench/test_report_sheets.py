"""Contact sheets of a report: which are shown, and for which designs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from keyhole.bench.advice.options import options
from keyhole.bench.report.content import report_content
from keyhole.bench.report.sheets import contact_sheets
from keyhole.bench.report.view import ReaderLimits
from tests.bench.making import DESIGNS, run, with_sheets

LIMITS = ReaderLimits(ssim=0.3, accuracy_loss=2)


def test_contact_sheets_may_be_those_of_some_codecs(tmp_path: Path) -> None:
    results = with_sheets(run(), tmp_path)
    (section,) = report_content(results, tmp_path, LIMITS, sheet_codecs=["int8"]).sections
    shown = {design for sheet in (*section.sheets, *section.other_sheets) for design in sheet.designs}
    assert shown == {each for each in DESIGNS if each.codec == "int8"}


def test_a_sheet_that_is_gone_or_broken_is_left_out(tmp_path: Path) -> None:
    results = with_sheets(run(), tmp_path)
    (tmp_path / str(results.leaks[0].sheet)).unlink()
    (tmp_path / str(results.leaks[1].sheet)).write_bytes(b"\x89PNG")
    shown = [sheet.leak for sheet in contact_sheets(options(results), tmp_path, None)]
    kept = [found for found in results.leaks[2:] if found.seed == 0]
    assert sorted(shown, key=kept.index) == kept


def test_designs_that_share_a_sheet_show_it_once(tmp_path: Path) -> None:
    results = with_sheets(run(), tmp_path)
    alike = replace(results, leaks=[replace(found, sheet="sheets/0.png") for found in results.leaks])
    (sheet,) = contact_sheets(options(alike), tmp_path, None)
    assert set(sheet.designs) == set(DESIGNS)
