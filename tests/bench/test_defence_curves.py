"""Accuracy against leak, a curve for each defence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keyhole.bench.advice.options import options
from keyhole.bench.records import AccuracyRecord, Design, ProfileRecord
from keyhole.bench.report.content import report_content
from keyhole.bench.report.defence_curves import curves_within, defence_curves
from keyhole.service.errors import UsageError
from tests.bench.making import CUTS, DESIGNS, leak, run, ssim_of


def test_a_curve_is_a_defence_at_its_strengths_with_the_undefended_design() -> None:
    for plot in defence_curves(options(run())):
        assert [axes.get_title() for axes in plot.figure.axes] == list(CUTS)
        curve = max(plot.figure.axes[0].lines, key=lambda line: len(line.get_xdata()))
        assert list(curve.get_ydata()) == [77.0, 78.5, 80.0]


def test_without_a_defence_there_is_no_curve() -> None:
    bare = [option for option in options(run()) if option.design.defence == "none"]
    assert not list(defence_curves(bare))
    assert not list(curves_within(bare, CUTS[0]))
    assert not list(curves_within(options(replace(run(), accuracies=[])), CUTS[0]))


def test_in_one_memory_stand_all_defences_that_fit_into_it_wherever_they_end() -> None:
    pruned = Design(DESIGNS[0].target, CUTS[-1], "patrol:small")
    made = run()
    made = replace(
        made,
        accuracies=[*made.accuracies, AccuracyRecord(pruned, "top-1", 79.0, 2000)],
        leaks=[*made.leaks, leak(pruned, "pixels-white", 0.2)],
        profiles=[*made.profiles, ProfileRecord(pruned, 1.0, 1, 1, memory=2**20)],
    )
    ssim, psnr = curves_within(options(made), CUTS[0])
    assert (ssim.name, psnr.name) == (f"defences-within-{CUTS[0]}-ssim", f"defences-within-{CUTS[0]}-psnr")
    (panel,) = ssim.figure.axes
    curves = [line for line in panel.lines if len(line.get_xdata()) > 1]
    assert (79.0, 80.0) in {tuple(line.get_ydata()) for line in curves}
    (undefended,) = {ssim_of(design) for design in DESIGNS if (design.cut, design.defence) == (CUTS[0], "none")}
    assert {max(line.get_xdata()) for line in curves} == {undefended}
    assert "small" in {note.get_text() for note in panel.texts}
    assert "1.0 MiB" in ssim.reading
    too_large = [replace(each, memory=2**30) if each.design == pruned else each for each in made.profiles]
    ssim, _ = curves_within(options(replace(made, profiles=too_large)), CUTS[0])
    assert "small" not in {note.get_text() for note in ssim.figure.axes[0].texts}


def test_a_memory_that_was_not_measured_is_asked_for_by_its_cut(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--room layer9: the memory of undefended heads was measured at {CUTS[0]}"):
        report_content(run(), tmp_path, max_ssim=0.3, max_accuracy_loss=1, room="layer9")
    found = report_content(run(), tmp_path, max_ssim=0.3, max_accuracy_loss=1, room=CUTS[1])
    assert sum("within" in plot.name for plot in found.sections[0].plots) == 2
