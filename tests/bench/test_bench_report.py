"""The report of a made-up run, opened as text: its figures, its pictures, and what it says when figures are missing."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from PIL import Image

from keyhole.bench.advice.options import options
from keyhole.bench.advice.wording import design_text
from keyhole.bench.measure.dfil import psnr_bound
from keyhole.bench.records import AccuracyRecord, Design, Failure, LatencyRecord, Results
from keyhole.bench.report.command import bench_report, write_report
from keyhole.bench.report.content import contact_sheets, missing_measurements, report_content
from keyhole.bench.report.cost_bars import payload_bars, stage_bars
from keyhole.bench.report.figures import name_marks, panels
from keyhole.bench.report.tradeoff import tradeoffs
from keyhole.bench.settings import BenchReportSettings
from keyhole.service.errors import UsageError
from tests.bench.making import CODECS, CUTS, DESIGNS, LINKS, latency, leak, percentiles, run, ssim_of, with_sheets

Report = tuple[str, str, Path]


def written(results: Results, folder: Path) -> Report:
    """HTML and Markdown as text, and where they are."""
    write_report(report_content(results, folder, max_ssim=0.3, max_accuracy_loss=2), folder / "report")
    page, text = ((folder / "report" / f"report.{kind}").read_text() for kind in ("html", "md"))
    return page, text, folder / "report"


def small() -> Results:
    """Of one cut over one link."""
    results, cut = run(), CUTS[0]
    return replace(
        results,
        latencies=[found for found in results.latencies if (found.design.cut, found.link) == (cut, "lte")],
        accuracies=[found for found in results.accuracies if found.design.cut == cut],
        leaks=[found for found in results.leaks if found.design.cut == cut],
        profiles=[found for found in results.profiles if found.design.cut == cut],
    )


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("run")
    return written(with_sheets(run(), folder), folder)


@pytest.mark.parametrize("kind", [0, 1], ids=["html", "markdown"])
def test_every_figure_is_there(full: Report, kind: int) -> None:
    text = full[kind].replace("\\[", "[")
    for option in options(run()):
        if option.splits:
            assert f"{ssim_of(option.design):.3f} [" in text
        for found in option.latencies.values():
            assert f"{found.total.p50:.1f}" in text
        if option.accuracy:
            assert f"{option.accuracy.value:.1f} [" in text
        if option.profile and option.profile.dfil:
            assert f"{option.profile.dfil:.3g} (≤ {psnr_bound(option.profile.dfil):.1f} dB)" in text
        if option.puri:
            assert f"{option.puri:.3f}" in text
    assert "5 × 2" in text
    assert "keyhole bench --preset quick" in text
    assert "toy box, 2 cores" in text
    assert "70 ms" in text
    assert "pixels-black" in text


def test_a_row_holds_the_figures_of_its_design(full: Report) -> None:
    row = next(
        line for line in full[1].splitlines() if line.startswith("| layer2.0 | gaussian:scale=1 | int8 | pixels-white")
    )
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[4:9] == ["24.0", "64.0", r"0.350 \[0.324, 0.376\]", r"17.0 \[17.0, 17.0\]", "17.5 of 8 (5.0)"]
    assert cells[10:18] == ["3.00", "5 × 2", r"76.8 \[74.8, 78.5\]", "3.25", "2.0", "1.0", "20.0", "2.0"]


def test_the_page_needs_nothing_beside_it(full: Report) -> None:
    links = re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']+)", full[0])
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "@import" not in full[0]


def test_the_page_holds_a_plot_for_each_question_and_says_how_to_read_it(full: Report) -> None:
    page = full[0]
    assert page.count("<svg") == page.count('<div class="plot">') == 2 * len(LINKS) + 2 + len(LINKS) + 1
    for label in ("layer3.0", "cloud: tail", "scale=0.5", "KiB for each frame", "plate, share recovered", "edge-only"):
        assert label in page
    assert len(
        re.findall(r"<h3>[^<]+</h3>\s*<p class=\"faint\">[^<]{40,}</p>\s*<div class=\"plot\">", page)
    ) == page.count("<svg")


def test_markdown_shows_plots_and_sheets_that_lie_beside_it(full: Report) -> None:
    names = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", full[1])
    plots = [name for name in names if name.endswith(".png")]
    assert len(plots) == 9
    assert len(names) - len(plots) == len(DESIGNS)  # the worst attack's
    for name in names:
        with Image.open(full[2] / name) as picture:
            picture.load()
            assert len(set(picture.convert("L").tobytes())) > 1 or name.endswith(".jpg")
    assert {path.name for path in full[2].iterdir()} == {*names, "report.html", "report.md"}


def test_a_contact_sheet_of_every_attack_is_in_the_page(full: Report) -> None:
    pictures = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", full[0])
    assert len(pictures) == 2 * len(DESIGNS)
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]))) as picture:
        assert picture.size == (64, 48)


def test_contact_sheets_may_be_those_of_some_codecs(tmp_path: Path) -> None:
    results = with_sheets(run(), tmp_path)
    (section,) = report_content(results, tmp_path, max_ssim=0.3, max_accuracy_loss=2, sheet_codecs=["int8"]).sections
    assert {sheet.leak.design for sheet in section.sheets} == {each for each in DESIGNS if each.codec == "int8"}


def test_failed_cells_are_told_with_their_errors_and_cannot_become_markup(full: Report) -> None:
    assert "RuntimeError: &lt;out of&gt; memory" in full[0]
    assert "<out of>" not in full[0]
    (row,) = [line for line in full[1].splitlines() if "RuntimeError" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 3
    assert "at line 3" in full[0]
    assert "at line 3" not in full[1]


def test_nothing_measured_is_a_report_that_says_so(tmp_path: Path) -> None:
    page, text, _ = written(Results(), tmp_path)
    assert "Nothing has been measured yet" in page
    assert "Nothing has been measured yet" in text
    failed = Results(failures=[Failure("cell", "broke")])
    assert "broke" in written(failed, tmp_path)[0]


@pytest.mark.parametrize("kept", ["latencies", "accuracies", "leaks", "profiles"])
def test_one_kind_of_measurement_alone_is_a_report_that_names_the_others(tmp_path: Path, kept: str) -> None:
    results = Results(**{kept: getattr(small(), kept)})
    page, _, _ = written(results, tmp_path)
    told = {
        "latencies": "nothing is timed yet",
        "leaks": "Leak: missing for every design",
        "accuracies": "Accuracy: missing for every design",
        "profiles": "Profile: missing for every design",
    }
    for kind, line in told.items():
        assert (line in page) == (kind != kept)


@pytest.mark.parametrize("gone", ["latencies", "accuracies", "leaks", "profiles"])
def test_all_but_one_kind_is_a_report(tmp_path: Path, gone: str) -> None:
    page, _, _ = written(replace(small(), **{gone: ()}), tmp_path)
    assert "What is missing" in page


def test_designs_that_lack_a_measurement_are_named() -> None:
    results = run()
    lacking = replace(results, accuracies=[found for found in results.accuracies if found.design != DESIGNS[3]])
    (line,) = missing_measurements(options(lacking), LINKS)
    assert line == "Accuracy: missing for cut at `layer1.0`, gaussian:scale=0.5, int8."
    assert not list(missing_measurements(options(results), LINKS))


def test_designs_that_an_attack_was_not_tried_on_are_named() -> None:
    spared = next(design for design in DESIGNS if design.codec == "int8")
    kept = [leak for leak in run().leaks if (leak.design, leak.attack) != (spared, "pixels-white")]
    told = list(missing_measurements(options(replace(run(), leaks=kept)), LINKS))
    assert told == [f"Leak to pixels-white: missing for {design_text(spared)}."]


def test_a_sheet_that_is_gone_or_broken_is_left_out(tmp_path: Path) -> None:
    results = with_sheets(run(), tmp_path)
    (tmp_path / str(results.leaks[0].sheet)).unlink()
    (tmp_path / str(results.leaks[1].sheet)).write_bytes(b"\x89PNG")
    shown = [sheet.leak for sheet in contact_sheets(options(results), tmp_path)]
    assert shown == [found for found in results.leaks[2:] if found.seed == 0]


def test_designs_that_share_a_sheet_show_it_once(tmp_path: Path) -> None:
    results = with_sheets(run(), tmp_path)
    alike = replace(results, leaks=[replace(found, sheet="sheets/0.png") for found in results.leaks])
    assert len(list(contact_sheets(options(alike), tmp_path))) == 1


def test_bars_of_a_frame_are_as_long_as_its_stages() -> None:
    (plot,) = stage_bars(options(run()), "lte")
    axes = plot.figure.axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [*(f"{cut} · {codec}" for cut in CUTS for codec in CODECS), "edge-only", "cloud-only · fp32"]
    ends = [max(bar.get_x() + bar.get_width() for bar in bars) for bars in zip(*axes.containers, strict=True)]
    assert ends == pytest.approx([60, 55, 67, 62, 74, 69, 31, 123])


def test_stages_that_one_frame_lacks_are_no_hole_in_its_bar() -> None:
    one, other = Design("toy", "a"), Design("toy", "b")
    results = Results(
        latencies=[
            LatencyRecord(one, "lte", {"network": percentiles(3)}, percentiles(3), 9, 1),
            LatencyRecord(
                other, "lte", {"edge_compute": percentiles(2), "network": percentiles(3)}, percentiles(5), 9, 1
            ),
        ]
    )
    (plot,) = stage_bars(options(results), "lte")
    network = plot.figure.axes[0].containers[1]
    assert [bar.get_x() for bar in network] == [0, 2]


def test_payloads_are_bars_for_each_cut_and_codec() -> None:
    (plot,) = payload_bars(options(run()))
    heights = [[bar.get_height() for bar in bars] for bars in plot.figure.axes[0].containers]
    assert heights == [[8.0] * 3, [2.0] * 3]


def test_the_front_is_drawn_through_the_designs_that_no_other_beats() -> None:
    results = Results(
        latencies=[latency(Design("toy", cut), "lte", p50) for cut, p50 in (("a", 1), ("b", 2), ("c", 3), ("d", 4))],
        leaks=[leak(Design("toy", cut), "x", ssim) for cut, ssim in (("a", 0.9), ("b", 0.3), ("c", 0.5), ("d", 0.1))],
    )
    (plot,) = tradeoffs(options(results), "lte")
    axes = plot.figure.axes[0]
    assert [note.get_text() for note in axes.texts] == ["a", "b", "d", "c"]
    steps = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert [list(line.get_xdata()) for line in steps] == [[1, 2, 4]]


def test_a_name_that_would_cover_another_is_left_out() -> None:
    _, (panel,) = panels(1)
    panel.set(xlim=(0, 100), ylim=(0, 1))
    name_marks(panel, [(50, 0.5, "first"), (52, 0.51, "over it"), (52, 0.7, "above"), (80, 0.5, "beside")])
    assert [note.get_text() for note in panel.texts] == ["first", "above", "beside"]


def test_the_command_writes_where_it_is_told_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = Results(
        accuracies=[
            AccuracyRecord(Design("pruned:p", "a"), "rank-1", 50, 9),
            AccuracyRecord(Design("t", "a"), "rank-1", 60, 9),
        ]
    )
    asked = BenchReportSettings(run=tmp_path, out=tmp_path / "docs", defended=("pruned:p=t+patrol",))
    assert bench_report(asked, load=lambda _: results) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "docs" / name) for name in ("report.html", "report.md")]
    text = (tmp_path / "docs" / "report.md").read_text()
    assert "## t\n" in text
    assert "## pruned:p" not in text
    assert "| a | patrol | fp32 |" in text
    assert "| 10.00 |" in text


@pytest.mark.parametrize("flags", [{"max_ssim": 2.0}, {"max_accuracy_loss": -1.0}])
def test_limits_that_cannot_be_are_mistakes(flags: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="--max"):
        BenchReportSettings(run=Path("x"), **flags)


def test_the_made_up_run_has_every_kind_of_record() -> None:
    assert all(getattr(run(), field.name) for field in fields(Results))


def test_metrics_that_were_asked_for_have_columns_and_curves_and_the_others_have_none(tmp_path: Path) -> None:
    results = run()
    scored = [
        replace(found, scores={**found.scores, "l2": [0.0125] * 5}, sets={"fid": 12.5}, shown=("psnr", "l2", "fid"))
        for found in results.leaks
    ]
    _, text, folder = written(replace(results, leaks=scored), tmp_path)
    designs, attacks = (line for line in text.splitlines() if line.startswith("| cut "))
    for table in (designs, attacks):
        headings = [cell.strip() for cell in table.strip("|").split("|")]
        at = headings.index("SSIM")
        assert headings[at : at + 4] == ["SSIM", "PSNR, dB", "L2", "FID"]
        assert "FSIM" not in headings
    assert "0.0125 [0.0125, 0.0125]" in text.replace("\\", "")
    assert "| 12.5 |" in text
    assert {path.stem.rpartition("-")[2] for path in folder.rglob("*defences-*")} == {"ssim", "psnr", "l2", "fid"}
