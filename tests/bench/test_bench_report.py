"""The report of a made-up run, opened as text: its figures, its pictures, and what it says when figures are missing."""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from PIL import Image

from keyhole.bench.advice.options import options
from keyhole.bench.measure.dfil import psnr_bound
from keyhole.bench.records import AccuracyRecord, Design, MachineLoad
from keyhole.bench.report.command import bench_report, markdown, write_report
from keyhole.bench.report.content import report_content
from keyhole.bench.report.view import ReaderLimits
from keyhole.bench.results import Failure, Results
from keyhole.bench.settings import BenchReportSettings
from keyhole.service.errors import UsageError
from tests.bench.making import CUTS, DESIGNS, LINKS, SHARES, leak, run, ssim_of, with_sheets, with_training_sets
from tests.bench.standard import standard_run

Report = tuple[str, str, Path]
LIMITS = ReaderLimits(ssim=0.3, accuracy_loss=2)


def written(results: Results, folder: Path) -> Report:
    """HTML and Markdown as text, and where they are."""
    write_report(report_content(results, folder, LIMITS), folder / "report")
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


def rows_of(page: str, table: str) -> list[dict[str, str]]:
    """The text of a table's cells in the page, row by row, by heading."""
    ((head, body),) = re.findall(rf'id="{table}">\s*<thead>(.*?)</thead>\s*<tbody>(.*?)</tbody>', page, re.DOTALL)
    headings = [html.unescape(text) for text in re.findall(r"<button[^>]*>([^<]*)", head)]
    found = []
    for row in re.split("<tr[^>]*>", body)[1:]:
        cells = [re.sub(r"<[^>]*>", "", cell.partition(">")[2]) for cell in row.split("<td")[1:]]
        found.append(dict(zip(headings, (" ".join(html.unescape(cell).split()) for cell in cells), strict=True)))
    return found


def test_every_figure_is_in_the_page(full: Report) -> None:
    text = "\n".join(" ".join(row.values()) for row in rows_of(full[0], "designs-toy"))
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
    for page in full[:2]:
        assert "keyhole bench --preset quick" in page
        assert "toy box, 2 cores" in page
        assert "31 ms" in page
    assert "pixels-black" in full[0]


def test_a_row_holds_the_figures_of_its_design(full: Report) -> None:
    (row,) = (
        row
        for row in rows_of(full[0], "designs-toy")
        if [*row.values()][:3] == ["layer2.0", "gaussian:scale=1", "int8"]
    )
    expected = {
        "driver, % (guessing)": "25.0 (5.0) of 8",
        "SSIM": "0.350 [0.324, 0.376]",
        "PSNR, dB": "17.0 [17.0, 17.0]",
        "strongest attack": "pixels-white",
        "pictures × seeds": "5 × 2",
        "top-1, %": "76.8 [74.8, 78.5]",
        "lost": "3.25",
        "p50 wifi, ms": "24.0",
        "p50 lte, ms": "64.0",
        "payload, KiB": "2.0",
        "edge parameters, k": "1.0",
        "edge MACs, M": "20.0",
        "edge memory, MiB": "2.0",
    }
    assert {heading: row[heading] for heading in expected} == expected


def test_the_decision_holds_what_matters_over_all_links_and_marks_what_breaks_a_limit(full: Report) -> None:
    by_name = {row["design"]: row for row in rows_of(full[0], "decision-toy")}
    assert next(iter(by_name)) == "cloud-only · fp32"
    assert [*by_name][-2:] == ["edge-only", "blind attacker"]
    assert "recommended (wifi, lte)" not in by_name["edge-only"]["why it is here"]
    assert "recommended (lte)" in by_name["edge-only"]["why it is here"]
    chosen = by_name["layer3.0 · gaussian:scale=0.5 · int8"]
    assert "runner-up (lte)" in chosen["why it is here"]
    assert "recommended (wifi)" in chosen["why it is here"]
    stand_out = re.findall(r'<tr class="chosen">.*?<td class="">(?:<a[^>]*>)?([^<]*)', full[0])
    assert stand_out == ["layer3.0 · gaussian:scale=0.5 · int8", "edge-only"]
    assert chosen["SSIM"] == "0.250 [0.224, 0.276]"
    assert by_name["layer1.0 · int8"]["SSIM"].startswith("0.900 ✗")
    lost = by_name["layer3.0 · gaussian:scale=1 · int8"]
    assert lost["top-1, %"].startswith("76.8 ✗")
    assert "✗" not in lost["SSIM"]
    assert "layer2.0 · gaussian:scale=0.5 · fp32" not in by_name


def test_the_whole_model_on_the_edge_shows_nothing_and_pictures_in_the_cloud_show_all(full: Report) -> None:
    by_name = {row["design"]: row for row in rows_of(full[0], "decision-toy")}
    for heading in ("SSIM", "driver, % (guessing)"):
        assert by_name["edge-only"][heading] == "nothing"
        assert by_name["cloud-only · fp32"][heading].startswith("all")
    assert by_name["cloud-only · fp32"]["SSIM"] == "all ✗"


def test_the_strongest_of_one_attack_is_no_strongest(tmp_path: Path) -> None:
    results = run()
    one = replace(results, leaks=[found for found in results.leaks if found.attack == "pixels-white"])
    page, _, _ = written(one, tmp_path)
    said = {row["strongest attack"] for row in rows_of(page, "designs-toy")}
    assert said == {"only pixels-white", "none needed", "none helps", "–"}


def test_a_secret_that_is_not_read_better_than_by_guessing_is_read_as_by_guessing(tmp_path: Path) -> None:
    results = run()
    leaks = [leak(found.design, found.attack, 0.5, found.seed, plate=0.01) for found in results.leaks]
    page, _, _ = written(replace(results, leaks=leaks), tmp_path)
    said = {row["plate, % (guessing)"] for row in rows_of(page, "designs-toy")}
    assert said == {"as guessing (5.0) of 8", "nothing", "all", "–"}


def test_latencies_have_their_intervals(tmp_path: Path) -> None:
    results = run()
    timed = [replace(found, interval=(found.total.p50 - 2, found.total.p50 + 3)) for found in results.latencies]
    page, _, _ = written(replace(results, latencies=timed), tmp_path)
    assert "64.0 [62.0, 67.0]" in {row["p50 lte, ms"] for row in rows_of(page, "designs-toy")}


def test_latencies_that_were_taken_under_load_are_told(tmp_path: Path) -> None:
    results = run()
    loads = [MachineLoad(1.2, 2) if at < 3 else MachineLoad(0.0, 2) for at in range(len(results.latencies))]
    timed = [replace(found, load=load) for found, load in zip(results.latencies, loads, strict=True)]
    for text in written(replace(results, latencies=timed), tmp_path)[:2]:
        assert "3 of 40 latencies were taken while other work kept up to 1.2 of 2 cores busy" in text
    calm = [replace(found, load=MachineLoad(0.0, 2)) for found in results.latencies]
    assert "cores busy" not in written(replace(results, latencies=calm), tmp_path)[0]


def test_the_page_needs_nothing_beside_it(full: Report) -> None:
    page = re.sub(r"<script>.*?</script>", "", full[0], flags=re.DOTALL)
    links = re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']+)", page)
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "@import" not in page


def test_the_page_holds_a_plot_for_each_question_and_says_how_to_read_it(full: Report) -> None:
    charts = re.findall(
        r'<section class="chart" id="([^"]+)">\s*<h3>[^<]+</h3>\s*<p class="faint">[^<]{40,}</p>', full[0]
    )
    curves = ["toy-defences-thumbnail", "toy-defences-ssim", "toy-defences-psnr"]
    assert charts == ["toy-leak", "toy-leak-ssim", "toy-secrets", *curves, "toy-stages", "toy-payload"]
    assert len(re.findall('type="application/json"', full[0])) == 5 * len(LINKS) + 3 * len(CUTS) + 1


def test_markdown_shows_plots_and_sheets_that_lie_beside_it(full: Report) -> None:
    names = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", full[1])
    assert {name for name in names if name.endswith(".png")} == {"toy-leak.png"}
    assert len([name for name in names if name.endswith(".jpg")]) > 2
    for name in names:
        with Image.open(full[2] / name) as picture:
            picture.load()
    assert {path.name for path in full[2].iterdir()} == {*names, "report.html", "report.md"}


def test_a_sheet_of_every_attack_is_in_the_page_and_rows_lead_to_that_of_the_strongest(full: Report) -> None:
    pictures = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", full[0])
    assert len(pictures) == 2 * len(DESIGNS)
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]))) as picture:
        assert picture.size == (64, 48)
    shown = re.findall(r'<figure id="([^"]+)"', full[0])
    assert len(set(shown)) == len(shown) == len(pictures)
    led_to = set(re.findall(r'<a href="#([^"]+)"', full[0]))
    assert led_to < set(shown)
    assert len(led_to) == len(DESIGNS)
    assert all(name.endswith("pixels-white-0") for name in led_to)


def test_markdown_of_a_standard_run_fits_250_lines_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    text = markdown(report_content(with_sheets(standard_run(), tmp_path), tmp_path, ReaderLimits(accuracy_loss=2)))
    assert len(text.splitlines()) <= 250
    assert "12 more are in the page" in text


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
    page = (tmp_path / "docs" / "report.html").read_text()
    (row,) = (row for row in rows_of(page, "designs-t") if row["defence"] == "patrol")
    assert (row["cut"], row["codec"], row["lost"]) == ("a", "fp32", "10.00")


@pytest.mark.parametrize("flags", [{"max_ssim": 2.0}, {"max_accuracy_loss": -1.0}])
def test_limits_that_cannot_be_are_mistakes(flags: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="--max"):
        BenchReportSettings(run=Path("x"), **flags)


def test_the_made_up_run_has_every_kind_of_record() -> None:
    results = with_training_sets(run(), latent=SHARES)
    assert all(getattr(results, field.name) for field in fields(Results))


def test_metrics_that_were_asked_for_have_columns_and_curves_and_the_others_have_none(tmp_path: Path) -> None:
    results = run()
    scored = [
        replace(found, scores={**found.scores, "l2": [0.0125] * 5}, sets={"fid": 12.5}, shown=("psnr", "l2", "fid"))
        for found in results.leaks
    ]
    page, _, _ = written(replace(results, leaks=scored), tmp_path)
    for table in ("designs-toy", "attacks-toy"):
        row = rows_of(page, table)[0]
        at = [*row].index("SSIM")
        assert [*row][at : at + 4] == ["SSIM", "PSNR, dB", "L2", "FID"]
        assert "FSIM" not in row
        assert row["L2"] == "0.0125 [0.0125, 0.0125]"
        assert row["FID"].startswith("12.5")
    shown = re.findall(r'class="chart" id="toy-defences-([^"]+)"', page)
    assert set(shown) == {"thumbnail", "ssim", "psnr", "l2", "fid"}
