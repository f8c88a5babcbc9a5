from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from keyhole.metrics import METRICS
from keyhole.service.errors import UsageError
from keyhole.v1.referee_pb2 import Box, Deployment, Detection
from monitor import figures
from monitor.examples import choose_examples
from monitor.history import LastScore, read_history
from monitor.referee import Referee
from monitor.report import report, write_report
from monitor.scoring import scoring_metrics
from monitor.settings import ReportSettings
from monitor.store import RunStore
from tests.monitor.making import guess, outcome, truth


def store_run(run: Path, frames: int = 5) -> None:
    """Every frame met by the black box, every other one by the white box."""
    store = RunStore(run, keep=10)
    referee = Referee([store])
    for number in range(frames):
        frame_id = f"edge-0-{number}"
        referee.witness(truth(frame_id, scene=number))
        referee.conclude(outcome(frame_id, network=0.0625, total=0.125))
        referee.submit(guess(frame_id, "pixels-black", scene=number, noise=0.2, final=True))
        if number % 2 == 0:
            referee.submit(guess(frame_id, "pixels-white", scene=number, noise=0.05, final=True))
    store.close()


def test_a_stored_runs_report_holds_its_numbers_and_pictures(tmp_path: Path) -> None:
    store_run(tmp_path)
    summary = write_report(tmp_path)
    page = (tmp_path / "report.html").read_text()
    for name, attack in summary.attacks.items():
        assert name in page
        assert f"{attack.scores['psnr'].mean:.2f}" in page
        assert f"{attack.scores['ssim'].mean:.3f}" in page
    assert "62.50" in page
    assert page.count("data:image/png;base64,") == 3 * 3
    assert page.count("<svg") == 3
    assert json.loads((tmp_path / "summary.json").read_text())["attacks"]["pixels-black"]["n"] == 5


def test_boxes_that_the_cloud_found_lie_over_the_truth_in_the_report(tmp_path: Path) -> None:
    store_run(tmp_path, frames=2)
    before = (write_report(tmp_path), (tmp_path / "report.html").read_text())[1]
    store = RunStore(tmp_path, keep=10)
    answered = outcome("edge-0-0", total=0.125)
    answered.detections.append(Detection(label="<i>plate", score=0.75, box=Box(left=3, top=2, right=11, bottom=6)))
    store.concluded(answered)
    store.close()
    write_report(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == before.count("<svg") + 1
    assert '<rect x="3.0" y="2.0" width="8.0" height="4.0"' in page
    assert "&lt;i&gt;plate" in page
    assert "<i>plate" not in page


def test_the_report_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    store_run(tmp_path, frames=2)
    write_report(tmp_path)
    page = (tmp_path / "report.html").read_text()
    links = re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']+)", page)
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "@import" not in page


def test_text_from_the_wire_cannot_become_markup(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store])
    evil = "<script>alert(1)</script>"
    referee.witness(truth(label=evil))
    referee.submit(guess(knowledge=evil, tap=evil, final=True))
    store.close()
    write_report(tmp_path)
    assert evil not in (tmp_path / "report.html").read_text()


def test_the_contact_sheet_has_a_column_for_truth_and_each_attack(tmp_path: Path) -> None:
    store_run(tmp_path)
    write_report(tmp_path)
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        assert sheet.width == 16 + 3 * (224 + 16)
        assert sheet.height == 66 + 3 * (224 + 30 + 16)


def chosen(run: Path, most: int) -> list[tuple[str, str]]:
    examples = choose_examples(run, read_history(run), most)
    return [(example.frame_id, example.place) for example in examples.frames]


def test_frames_that_most_attacks_finished_are_shown_with_the_best_the_median_and_the_worst_named(
    tmp_path: Path,
) -> None:
    store = RunStore(tmp_path, keep=50)
    referee = Referee([store])
    noise = {0: 0.9, 1: 0.1, 2: 0.5, 3: 0.3, 4: 0.7, 5: 0.2, 6: 0.6}
    for number in range(12):
        referee.witness(truth(f"edge-0-{number}"))
        referee.submit(guess(f"edge-0-{number}", "pixels-black", noise=0.95, final=True))
        if number in noise:
            referee.submit(guess(f"edge-0-{number}", "pixels-white", noise=noise[number], final=True))
    referee.submit(guess("edge-0-11", "pixels-white", noise=0.01))  # the best, and not finished
    store.close()
    examples = choose_examples(tmp_path, read_history(tmp_path), 50)
    assert (examples.strongest, examples.count) == ("pixels-white", 7)
    best_first = [f"edge-0-{number}" for number in sorted(noise, key=noise.__getitem__)]
    named = list(zip(best_first, ("best", "", "", "median", "", "", "worst"), strict=True))
    assert chosen(tmp_path, 50) == chosen(tmp_path, 7) == named
    assert chosen(tmp_path, 4) == [named[0], named[3], named[6]]
    write_report(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "The 7 frames that most attacks finished" in page
    assert "<b>Truth</b>median" in page


def test_a_frame_that_the_strongest_attack_never_met_has_no_place_in_its_order(tmp_path: Path) -> None:
    store_run(tmp_path, frames=4)
    found = choose_examples(tmp_path, read_history(tmp_path), most=3)
    assert (found.strongest, found.count) == ("pixels-white", 2)
    assert {example.frame_id for example in found.frames} == {"edge-0-0", "edge-0-2"}


def test_pictures_that_are_gone_or_broken_are_left_out(tmp_path: Path) -> None:
    store_run(tmp_path, frames=2)
    (tmp_path / "pictures" / "edge-0-0" / "pixels-white.png").write_bytes(b"\x89PNG")
    (tmp_path / "pictures" / "edge-0-1" / "truth.png").unlink()
    examples = choose_examples(tmp_path, read_history(tmp_path), most=3)
    assert [(one.frame_id, list(one.shown)) for one in examples.frames] == [("edge-0-0", ["pixels-black"])]


def test_a_run_without_scores_has_a_report_and_no_contact_sheet(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=1)
    store.witnessed(truth(deployment=Deployment(edge="e", target="tiny", cut="layer1", codec="int8")))
    store.close()
    write_report(tmp_path)
    assert "No reconstruction was scored" in (tmp_path / "report.html").read_text()
    assert not (tmp_path / "contact-sheet.png").exists()


def test_the_command_writes_the_files_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_run(tmp_path / "run", frames=1)
    assert report(ReportSettings(run=tmp_path / "run", json=tmp_path / "out" / "summary.json")) == 0
    printed = capsys.readouterr().out.split()
    assert [Path(line).name for line in printed] == ["summary.json", "contact-sheet.png", "report.html"]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["frames_scored"] == 1


def test_the_command_on_no_run_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run at"):
        report(ReportSettings(run=tmp_path))


def test_an_emulated_device_is_named(tmp_path: Path) -> None:
    where = Deployment(edge="e", target="tiny", cut="layer1", codec="int8", link="lte", slowdown=8.0)
    store = RunStore(tmp_path, keep=1)
    store.witnessed(truth(deployment=where))
    store.close()
    write_report(tmp_path)
    assert "link lte, from an emulated device 8 times slower." in (tmp_path / "report.html").read_text()
    (kept,) = read_history(tmp_path).deployments
    assert kept.conditions == "link lte, an edge 8 times slower"


def test_a_run_of_an_edge_that_was_never_slowed_is_read_as_before(tmp_path: Path) -> None:
    store_run(tmp_path, frames=1)
    with sqlite3.connect(tmp_path / "run.sqlite") as database:
        database.execute("alter table frames drop column slowdown")
    (kept,) = read_history(tmp_path).deployments
    assert kept.conditions == "link lte"


def test_a_plot_of_many_frames_stays_small() -> None:
    scores = [
        LastScore(number, "edge-0-0", "pixels-white", "", "", 0, 0.0, True, float(number), {"ssim": number / 4999})
        for number in range(5000)
    ]
    assert 400 < figures.scores_over_time(scores, METRICS["ssim"]).count("<use") < 600


def test_every_metric_of_a_run_has_a_column_a_caption_and_a_plot(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store], metrics=scoring_metrics(["l2", "haarpsi"]))
    for number in range(5):
        referee.witness(truth(f"edge-0-{number}", scene=number))
        referee.submit(guess(f"edge-0-{number}", scene=number, noise=0.1, final=True))
    store.close()
    summary = write_report(tmp_path)
    written = json.loads((tmp_path / "summary.json").read_text())["attacks"]["pixels-white"]
    page = (tmp_path / "report.html").read_text()
    values = [score.values for score in read_history(tmp_path).scores]
    for name in ("psnr", "ssim", "l2", "haarpsi"):
        metric = METRICS[name]
        assert written[f"{name}_mean"] == pytest.approx(sum(each[name] for each in values) / 5)
        low, high = written[f"{name}_ci95"]
        assert f"{metric.number(low)} to {metric.number(high)}" in page
        assert f'<th class="n">{metric.label}' in page
        assert metric.caption(values[0][name]) in page
    assert list(summary.attacks["pixels-white"].scores)[:2] == ["psnr", "ssim"]
    assert page.count('<div class="plot">') == 4


def test_a_run_of_another_packages_metric_says_what_cannot_be_loaded(tmp_path: Path) -> None:
    store_run(tmp_path, frames=1)
    with sqlite3.connect(tmp_path / "run.sqlite") as database:
        database.execute("update scores set metrics = '{\"elsewhere:metric\": 1.0}'")
    with pytest.raises(UsageError, match="cannot load the metric 'elsewhere:metric'"):
        write_report(tmp_path)
