"""Leaks in a report by the scale of the target's pictures: thumbnails, the blind attacker, legible limits."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as transform

from keyhole.bench.advice.options import options
from keyhole.bench.report.content import TargetSection, report_content
from keyhole.bench.report.decision import decision
from keyhole.bench.report.defence_curves import defence_curves
from keyhole.bench.report.equivalents import EquivalentThumbnails
from keyhole.bench.report.sheets import contact_sheets
from keyhole.bench.report.tables import attacks, designs
from keyhole.bench.report.tradeoff import tradeoffs
from keyhole.bench.report.view import ReaderLimits, TargetView
from keyhole.bench.results import Results
from keyhole.metrics.thumbnails import shrunk
from keyhole.presentation.contact_sheet import Column, contact_sheet
from keyhole.service.errors import UsageError
from tests.bench.making import DESIGNS, TARGET, legibility, run, scale, ssim_of
from tests.bench.test_thumbnail_advice import with_scale

LIMITS = ReaderLimits(thumbnail=4, accuracy_loss=2)


def view(results: Results, limits: ReaderLimits = LIMITS) -> TargetView:
    found = results.scale(TARGET)
    return TargetView(
        TARGET, options(results), results.links, limits, equivalents=EquivalentThumbnails(found) if found else None
    )


def section(results: Results, limits: ReaderLimits = LIMITS) -> TargetSection:
    (found,) = report_content(results, Path("nowhere"), limits).sections
    return found


def expected_side(ssim: float) -> float:
    """By the made-up scale: 0.1 more with each doubling from 0.2 at one pixel; nothing under the blind 0.15."""
    return 0.0 if ssim <= 0.15 else min(64.0, 2 ** ((ssim - 0.2) / 0.1))


def test_every_table_states_leaks_as_thumbnails_before_ssim_and_ends_with_the_blind_attacker() -> None:
    shown = view(with_scale(scale(plate=0.125, driver=0.5)))
    for table in (designs(shown), attacks(shown)):
        at = table.headings.index("thumbnail")
        assert table.headings[at + 1] == "SSIM"
        assert all(heading.endswith("(guessing)") for heading in table.headings[at - 2 : at])
    rows = [dict(zip(designs(shown).headings, row, strict=True)) for row in designs(shown).rows]
    for option, row in zip(shown.options, rows, strict=False):
        if option.splits:
            side = expected_side(ssim_of(option.design))
            assert row["thumbnail"].value == pytest.approx(side)
    assert rows[-1]["cut"].text == "blind attacker"
    assert (rows[-1]["thumbnail"].text, rows[-1]["SSIM"].text) == ("nothing", "0.150")
    assert (rows[-1]["plate, % (guessing)"].text, rows[-1]["driver, % (guessing)"].text) == ("12.5", "50.0")
    recipes = [row[3].text for row in attacks(shown).rows][-2:]
    assert recipes == ["blind/mean", "blind/flat"]


def test_a_secret_that_the_blind_attacker_reads_as_well_is_read_as_by_guessing() -> None:
    seeing, blind = (view(with_scale(scale(driver=share))) for share in (0.05, 0.25))
    for shown, text in ((seeing, "25.0"), (blind, "as guessing")):
        at = designs(shown).headings.index("driver, % (guessing)")
        assert {row[at].text for row in designs(shown).rows[: len(DESIGNS)]} == {text}


def test_the_decision_marks_what_is_sharper_than_the_limit() -> None:
    table = decision(view(with_scale()), {})
    found = section(with_scale()).decision
    assert table.headings == found.headings
    for row in found.rows:
        by_heading = dict(zip(found.headings, row, strict=True))
        side = by_heading["thumbnail"].value
        assert side is not None
        assert by_heading["thumbnail"].over == (side > 4)
    assert [row[0].text for row in found.rows][-2:] == ["edge-only", "blind attacker"]


def test_without_a_limit_it_is_what_the_judge_needs_and_the_report_says_so() -> None:
    found = section(with_scale(scale(read=legibility(**{"plate glyphs": 16, "vehicle": 8}))), ReaderLimits())
    assert "thumbnail ≤ 8 px" in found.verdict
    assert "8 px is the limit because" in found.source
    assert section(with_scale(), ReaderLimits(ssim=0.3)).source == ""


def test_a_run_without_a_scale_says_what_is_missing_and_has_no_thumbnails() -> None:
    bare = replace(run(), scales=())
    found = section(bare, ReaderLimits())
    assert any(line.startswith("Scale: missing") for line in found.missing)
    assert "thumbnail" not in found.decision.headings
    assert not any(line.startswith("Scale") for line in section(with_scale()).missing)
    with pytest.raises(UsageError, match=r"no scale to tell thumbnails by.*--only scale"):
        section(bare, ReaderLimits(thumbnail=4))


def test_plots_are_in_thumbnails_with_nothing_at_the_bottom_and_ssim_comes_second() -> None:
    shown = view(with_scale())
    leak, ssim, *_ = tradeoffs(shown)
    assert (leak.name, ssim.name) == ("leak", "leak-ssim")
    ticks = {text: place for place, text in leak.panels[0].y.ticks}
    assert [*ticks] == ["nothing", "1", "2", "4", "8", "16", "32", "64 = all"]
    assert ticks["8"] - ticks["4"] == ticks["32"] - ticks["16"] == 1
    for panel in leak.panels:
        levels = {(level.name, level.on): level.at for level in panel.levels}
        assert levels["limit", "y"] == ticks["4"]
        assert levels["blind attacker, guessing", "y"] == ticks["nothing"]
        (region,) = panel.regions
        assert region.y == (None, ticks["4"])
        heights = {mark.link or mark.facts[0]: mark.y for dots in panel.dots for mark in dots.marks}
        assert heights["edge-only"] == ticks["nothing"]
        assert heights["cloud-only · fp32"] == ticks["64 = all"]
        assert heights["layer2.0 · int8"] == pytest.approx(math.log2(expected_side(0.65)))
    floors = [level.at for panel in ssim.panels for level in panel.levels]
    assert floors == [pytest.approx(0.15)] * len(ssim.panels)


def test_curves_of_defences_start_with_thumbnails() -> None:
    first, *others = defence_curves(view(with_scale()))
    assert first.name == "defences-thumbnail"
    assert [chart.name for chart in others] == ["defences-ssim", "defences-psnr"]


def test_a_sheet_shows_truth_reconstruction_its_thumbnail_and_what_is_made_blind(tmp_path: Path) -> None:
    chance = torch.Generator().manual_seed(0)
    truths, made = torch.rand(4, 3, 64, 64, generator=chance), torch.rand(4, 3, 64, 64, generator=chance)
    grey, green = (Column.of("blind", [torch.tensor(rgb).view(3, 1, 1).expand(3, 64, 64)] * 4) for rgb in _BLIND)
    contact_sheet([Column.of("truth", truths), Column.of("x", made)]).save(tmp_path / "leak.png")
    contact_sheet([Column.of("truth", truths), grey, green, Column.of("4 px", truths)]).save(tmp_path / "scale.png")
    results = with_scale(replace(scale(), sheet="scale.png"))
    design = next(design for design in DESIGNS if ssim_of(design) == 0.5)
    leaks = [replace(leak, sheet="leak.png") for leak in results.leaks if (leak.design, leak.seed) == (design, 0)]
    results = replace(results, leaks=leaks[:1])
    found = results.scale(TARGET)
    assert found is not None
    (sheet,) = contact_sheets(options(results), tmp_path, EquivalentThumbnails(found))
    assert sheet.thumbnail is not None
    assert round(sheet.thumbnail.side) == 8
    assert "8 px" in sheet.caption
    pictures = _columns(sheet.jpeg, columns=4)
    expected = shrunk(truths[:1], 8)[0]
    near, far = (_distance(picture, expected) for picture in (pictures[2], pictures[0]))
    assert near < 0.06 < far
    blind = torch.tensor(_BLIND[1])  # the better recipe's
    assert _distance(pictures[3], blind.view(3, 1, 1).expand(3, 64, 64)) < 0.02


_BLIND = ((0.5, 0.5, 0.5), (0.1, 0.7, 0.3))


def _columns(jpeg: bytes, columns: int) -> list[Image.Image]:
    """The pictures of a small sheet's first row, found by the paper between them."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        sheet = picture.convert("RGB")
    ink = np.asarray(sheet).min(axis=2) < 235
    lines = ink.mean(axis=1) > 0.5
    top = int(np.flatnonzero(lines)[0])
    height = int(np.flatnonzero(~lines[top:])[0])
    wide = ink[top : top + height].mean(axis=0) > 0.5
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wide.astype(int), [0]])))
    starts, ends = edges[::2], edges[1::2]
    assert len(starts) == columns
    return [sheet.crop((int(a), top, int(b), top + height)) for a, b in zip(starts, ends, strict=True)]


def _distance(picture: Image.Image, expected: torch.Tensor) -> float:
    """Mean absolute difference of a picture, at the size of what is expected."""
    height, width = expected.shape[-2:]
    small = transform.to_dtype(transform.to_image(picture.resize((width, height))), torch.float32, scale=True)
    return float((small - expected).abs().mean())
