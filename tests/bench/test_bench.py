"""A whole run, with an edge and a cloud of its own for every latency."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor

from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, Design
from keyhole.bench.store import open_results
from keyhole.presentation.stages import STAGES
from tests.bench.running import bench, bench_here, rows
from tests.bench.targets import labelled
from tests.bench.test_measures import save
from tests.monitor.making import pixels

TARGET = "tests.bench.targets:labelled"
PLAN = f"""
targets: ["{TARGET}@stem,block"]
codecs: [int8+zstd]
links: ["10mbit:15ms@2x"]
attacks: [pixels-white]
metrics: [l2, psnr]
source: photos
public: photos
"""
pytestmark = pytest.mark.timeout(900)
ON_EDGE = ["edge_compute", "protect", "encode"]
SPLIT = [Design(TARGET, cut, "none", "int8+zstd") for cut in ("stem", "block")]
WHOLE, REMOTE = Design(TARGET, EDGE_ONLY, "none", "none"), Design(TARGET, CLOUD_ONLY, "none", "int8+zstd")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, Path, str]:
    """The folder of plan and pictures, the run's folder, and what was printed.

    The labels are what the target answers, so that what a split loses is what its accuracy lacks.
    """
    folder = tmp_path_factory.mktemp("bench")
    (folder / "plan.yaml").write_text(PLAN)
    target = labelled()
    for label in target.labels:
        (folder / "labelled" / "val" / label).mkdir(parents=True)
        save(pixels(0, 32), folder / "labelled" / "val" / label / "always.png")
    for number in range(20):
        shown = pixels(number, 32)
        with torch.no_grad():
            answer = int(target.model(target.preprocess.normalise(shown[None])).argmax())
        save(shown, folder / "labelled" / "val" / target.labels[answer] / f"{number}.png")
    code, printed = bench(*arguments(folder))
    assert code == 0, printed
    return folder, folder / "run", printed


def arguments(folder: Path) -> tuple[str, ...]:
    return ("--plan", str(folder / "plan.yaml"), "--classes", str(folder / "labelled"), "--out", str(folder / "run"))


def test_every_cell_ends_and_the_table_has_every_design(finished):
    _, run, printed = finished
    assert len(rows(run)) == 4 + 4 + 4 + 1 + 3
    assert not any(error for _, error in rows(run).values())
    found = open_results(run)
    assert [each.design for each in found.latencies] == [WHOLE, REMOTE, *SPLIT]
    assert {each.design for each in found.accuracies} == {WHOLE, REMOTE, *SPLIT}
    assert {each.design for each in found.profiles} == {WHOLE, REMOTE, *SPLIT}
    assert [(each.design, each.attack) for each in found.leaks] == [
        (REMOTE, "picture"),
        *((design, "pixels-white") for design in SPLIT),
    ]
    assert [each.design for each in found.scales] == [WHOLE]
    for text in ("10mbit:15ms", "stem", "block", EDGE_ONLY, CLOUD_ONLY, str(run)):
        assert text in printed


def test_latency_is_by_stage_and_the_link_takes_its_time(finished):
    _, run, _ = finished
    found = open_results(run)
    for latency in found.latencies[1:]:
        assert list(latency.stages) == list(STAGES)
        assert latency.frames == 30
        assert latency.stages["network"].p50 >= 30, "there and back"
        assert latency.total.p50 <= latency.total.p95 <= latency.total.p99
        assert latency.interval[0] <= latency.total.p50 <= latency.interval[1]
        assert latency.load.busy >= 0
        (profile,) = (each for each in found.profiles if each.design == latency.design)
        assert latency.payload == pytest.approx(profile.payload, rel=0.3)
    assert list(found.latencies[0].stages) == ["edge_compute"]


def test_accuracy_is_that_of_the_whole_model_but_for_the_codec(finished):
    folder, run, _ = finished
    target, right = labelled(), []
    for label in target.labels:
        for place, path in enumerate(sorted((folder / "labelled" / "val" / label).iterdir()), 1):
            if place % 4:  # the others are to choose by
                shown = pil_to_tensor(Image.open(path)).float() / 255
                with torch.no_grad():
                    answer = int(target.model(target.preprocess.normalise(shown[None])).argmax())
                right.append(target.labels[answer] == label)
    assert 15 < len(right) < 25
    assert not all(right), "one picture is labelled with every class"
    shares = {each.design: each for each in open_results(run).accuracies}
    assert shares[WHOLE].pictures == len(right)
    assert shares[WHOLE].value == pytest.approx(100 * sum(right) / len(right))
    for design in (REMOTE, *SPLIT):
        assert shares[design].value == pytest.approx(shares[WHOLE].value, abs=8)


def test_a_leak_has_a_score_for_each_picture_and_a_contact_sheet(finished):
    _, run, _ = finished
    for leak in open_results(run).leaks[1:]:
        assert {name: len(values) for name, values in leak.scores.items()} == {"l2": 4, "psnr": 4, "ssim": 4, "fsim": 4}
        assert leak.shown == ("l2", "psnr")
        assert min(leak.scores["ssim"]) > 0.2
        assert leak.seconds > 0
        assert leak.sheet
        with Image.open(run / leak.sheet) as sheet:
            assert sheet.height > 4 * 192


def test_the_run_says_what_it_is(finished):
    folder, run, _ = finished
    about = open_results(run).provenance
    assert about["command"].startswith(f"keyhole bench --plan {folder / 'plan.yaml'}")
    assert about["seeds"] == "0"
    assert about["attack pixels-white"].startswith("4 pictures")
    assert labelled().hash in about[f"model {TARGET}"]
    assert "torch" in about["versions"]
    assert about["machine"]
    assert "cores busy with other work" in about["load"]


def test_again_measures_nothing_and_other_terms_are_refused(finished):
    folder, run, _ = finished
    before = rows(run)
    code, printed = bench_here(*arguments(folder))
    assert code == 0
    assert "16 of 16 cells ended before" in printed
    code, printed = bench_here(*arguments(folder), "--preset", "standard")
    assert code == 2
    assert "give another --out" in printed
    assert rows(run) == before


def test_a_dry_run_counts_cells_and_touches_nothing(finished):
    folder, _, _ = finished
    flags = ("--plan", str(folder / "plan.yaml"), "--links", "wifi", "lte", "--out", str(folder / "other"))
    code, printed = bench_here(*flags, "--dry-run")
    assert code == 0
    counted = dict(line.split()[:2] for line in printed.splitlines() if line.split()[:1] in (["latency"], ["leak"]))
    assert counted == {"latency": "7", "leak": "3"}
    assert not (folder / "other").exists()


def test_ray_without_ray_says_how_to_get_it(finished, monkeypatch):
    folder, _, _ = finished
    monkeypatch.setitem(sys.modules, "ray", None)
    flags = ("--plan", str(folder / "plan.yaml"), "--only", "profile", "--ray", "auto", "--out", str(folder / "rays"))
    code, printed = bench_here(*flags)
    assert code == 2
    assert "pip install 'keyhole[ray]'" in printed
