"""Accuracy against leak, a curve for each defence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keyhole.bench.advice.options import options
from keyhole.bench.records import AccuracyRecord, Design, ProfileRecord
from keyhole.bench.report.content import report_content
from keyhole.bench.report.defence_curves import curves_within, defence_curves
from keyhole.bench.report.view import ReaderLimits, TargetView
from keyhole.bench.results import Results
from keyhole.service.errors import UsageError
from tests.bench.making import CUTS, DESIGNS, leak, run, ssim_of


def view(results: Results) -> TargetView:
    return TargetView("toy", options(results), results.links, ReaderLimits(ssim=0.3, accuracy_loss=2))


def test_a_curve_is_a_defence_at_its_strengths_with_the_undefended_design() -> None:
    for chart in defence_curves(view(run())):
        assert [panel.title for panel in chart.panels] == list(CUTS)
        curve = next(curve for curve in chart.panels[0].curves if curve.name == "gaussian")
        assert [accuracy for _, accuracy in curve.points] == [77.0, 78.5, 80.0]


def test_what_a_reader_allows_is_shaded_up_to_the_leak_and_down_to_the_accuracy() -> None:
    ssim, psnr = defence_curves(view(run()))
    panel = ssim.panels[0]
    (region,) = panel.regions
    assert (region.x, region.y) == ((None, 0.3), (78.0, None))
    assert {(level.on, level.at) for level in panel.levels} == {("x", 0.3), ("y", 78.0)}
    assert not psnr.panels[0].regions


def test_without_a_defence_there_is_no_curve() -> None:
    bare = replace(view(run()), options=[each for each in options(run()) if each.design.defence == "none"])
    assert not list(defence_curves(bare))
    assert not list(curves_within(bare, CUTS[0]))
    assert not list(curves_within(view(replace(run(), accuracies=[])), CUTS[0]))


def test_in_one_memory_stand_all_defences_that_fit_into_it_wherever_they_end() -> None:
    pruned = Design(DESIGNS[0].target, CUTS[-1], "patrol:small")
    made = run()
    made = replace(
        made,
        accuracies=[*made.accuracies, AccuracyRecord(pruned, "top-1", 79.0, 2000)],
        leaks=[*made.leaks, leak(pruned, "pixels-white", 0.2)],
        profiles=[*made.profiles, ProfileRecord(pruned, 1.0, 1, 1, memory=2**20)],
    )
    ssim, psnr = curves_within(view(made), CUTS[0])
    assert (ssim.name, psnr.name) == (f"defences-within-{CUTS[0]}-ssim", f"defences-within-{CUTS[0]}-psnr")
    (panel,) = ssim.panels
    assert (79.0, 80.0) in {tuple(accuracy for _, accuracy in curve.points) for curve in panel.curves}
    (undefended,) = {ssim_of(design) for design in DESIGNS if (design.cut, design.defence) == (CUTS[0], "none")}
    assert {max(leak for leak, _ in curve.points) for curve in panel.curves} == {undefended}
    assert "small" in {mark.label for dots in panel.dots for mark in dots.marks}
    assert "1.0 MiB" in ssim.reading
    too_large = [replace(each, memory=2**30) if each.design == pruned else each for each in made.profiles]
    ssim, _ = curves_within(view(replace(made, profiles=too_large)), CUTS[0])
    assert "small" not in {mark.label for dots in ssim.panels[0].dots for mark in dots.marks}


def test_a_memory_that_was_not_measured_is_asked_for_by_its_cut(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--room layer9: the memory of undefended heads was measured at {CUTS[0]}"):
        report_content(run(), tmp_path, ReaderLimits(), room="layer9")
    (section,) = report_content(run(), tmp_path, ReaderLimits(), room=CUTS[1]).sections
    assert sum("within" in chart.name for chart in section.charts) == 3
