from __future__ import annotations

import dataclasses
import json
import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from keyhole.bench.axes import (
    AccuracyCell,
    Axes,
    CutTarget,
    LatencyCell,
    LeakCell,
    ProfileCell,
    ScaleCell,
    TrainingSetCell,
)
from keyhole.bench.executor import Finished
from keyhole.bench.records import (
    EDGE_ONLY,
    AccuracyRecord,
    Design,
    LatencyRecord,
    LeakRecord,
    MachineLoad,
    Percentiles,
    ProfileRecord,
    ScaleRecord,
    TrainingSetRecord,
)
from keyhole.bench.store import BenchStore, open_results
from keyhole.bench.stored_records import read_record
from keyhole.judge.legibility import Legibility, ReadSecret
from keyhole.judge.recovery import Share
from keyhole.metrics.registry import metrics_named
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.service.errors import UsageError

AXES = Axes((CutTarget("toy", ("a", "b")),), ("none",), ("int8", "int8+zstd"), ("wifi", "lte"), ("pixels-white",), (0,))
FIXED = {"terms": "preset quick"}
DESIGN, WHOLE = Design("toy", "a", codec="int8"), Design("toy", EDGE_ONLY, codec="none")
TIMES = Percentiles(1.0, 2.0, 3.0)
SCORES = {"psnr": [math.inf, 20.5], "ssim": [1.0, 0.25]}
LEAK = LeakRecord(DESIGN, "pixels-white", 0, SCORES, {"driver": Share(0.5, 0.25, 8)}, 3.0, 1.5, "x.png")


def filled(run: Path) -> BenchStore:
    store = BenchStore(run)
    store.describe({"command": "keyhole bench"}, FIXED, AXES)
    whole = Design("toy", EDGE_ONLY, codec="none")
    store.keep(Finished(LeakCell(DESIGN, "pixels-white", 0), LEAK, "", 2.0))
    store.keep(Finished(AccuracyCell(DESIGN), AccuracyRecord(DESIGN, "top-1", 50.0, 100), "", 1.0))
    store.keep(
        Finished(LatencyCell(whole, ""), LatencyRecord(whole, "", {"edge_compute": TIMES}, TIMES, 30, 0.0), "", 1.0)
    )
    store.keep(Finished(AccuracyCell(whole), AccuracyRecord(whole, "mAP", 60.0, 9, (55.5, 64.0)), "", 1.0))
    store.keep(Finished(ProfileCell(DESIGN), ProfileRecord(DESIGN, 100.0, 5, 7), "", 1.0))
    store.keep(Finished(LatencyCell(DESIGN, "lte"), None, "OSError: no\n\nTraceback", 1.0))
    return store


def test_records_come_back_as_they_were_and_where_they_are_shared_for_each(tmp_path):
    filled(tmp_path).close()
    found = open_results(tmp_path)
    zipped = replace(DESIGN, codec="int8+zstd")
    assert found.leaks == [LEAK, replace(LEAK, design=zipped)]
    assert [each.design for each in found.accuracies] == [DESIGN, zipped, WHOLE]
    assert found.accuracies[-1].interval == (55.5, 64.0)
    assert [each.link for each in found.latencies] == ["wifi", "lte"]
    assert found.latencies[0].stages == {"edge_compute": TIMES}
    assert found.profiles == [ProfileRecord(DESIGN, 100.0, 5, 7)]
    assert [failure.cell for failure in found.failures] == ["latency | toy | a | none | int8 | lte"]
    assert found.provenance["command"] == "keyhole bench"
    assert found.provenance["links"] == "wifi, lte"


def test_the_whole_model_on_a_slower_edge_takes_so_many_times_as_long(tmp_path):
    store = filled(tmp_path)
    store.describe({}, FIXED, replace(AXES, links=("lte@8x",)))
    store.close()
    *_, slow = open_results(tmp_path).latencies
    assert slow.link == "lte@8x"
    assert slow.total == slow.stages["edge_compute"] == Percentiles(8.0, 16.0, 24.0)


def test_a_run_of_before_has_the_budgets_of_its_attacks_together(tmp_path):
    together = "pixels-white 4 pictures × 150 iterations, 4 at once; pixels-black 16 pictures × 150 iterations"
    store = BenchStore(tmp_path)
    store.describe({}, {"suite": together}, AXES)
    store.describe({}, {"attack pixels-white": "4 pictures × 150 iterations, 4 at once", "attack mine": "1"}, AXES)
    with pytest.raises(UsageError, match="with attack pixels-black '16 pictures × 150 iterations', and this run has"):
        store.describe({}, {"attack pixels-black": "17 pictures × 150 iterations"}, AXES)
    assert {"attack pixels-white", "attack pixels-black", "attack mine"} < set(store.provenance())
    assert "suite" not in store.provenance()
    store.close()


def test_a_run_may_be_extended_and_keeps_what_it_had(tmp_path):
    store = filled(tmp_path)
    store.describe({}, FIXED, replace(AXES, links=("3g",), seeds=(1,)))
    assert store.axes().links == ("wifi", "lte", "3g")
    assert store.axes().seeds == (0, 1)
    store.close()
    assert len(open_results(tmp_path).leaks) == 2


def test_a_scale_comes_back_as_it_was(tmp_path):
    design = Design("toy", EDGE_ONLY, codec="none")
    pictures = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    stored = ScaleRecord(
        design,
        {"flat": replace(LEAK, design=design, attack="blind/flat"), "mean": LEAK},
        ThumbnailScale.measure(pictures, metrics_named(("ssim",))),
        Legibility((1, 32), {"vehicle": ReadSecret([[0, 1], [1, 1]], [1, 1], 0.1)}),
        "sheets/a.png",
        "abc",
    )
    store = BenchStore(tmp_path)
    store.describe({}, FIXED, AXES)
    store.keep(Finished(ScaleCell("toy"), stored, "", 1.0))
    store.close()
    (found,) = open_results(tmp_path).scales
    assert json.dumps(dataclasses.asdict(found)) == json.dumps(dataclasses.asdict(stored))
    assert found.thumbnails.equivalent("ssim", [1.0] * 3, [0.0] * 3).side == 32
    assert found.legibility.legible_from("vehicle") == stored.legibility.legible_from("vehicle")
    assert open_results(tmp_path).scale("toy") == found
    assert open_results(tmp_path).scale("other") is None


def test_a_scale_of_before_the_judge_was_named_is_the_first_judges():
    scale = ScaleRecord(DESIGN, {}, ThumbnailScale(32, (32,), {}), Legibility((32,), {}), judge="abc")
    fields = json.loads(json.dumps(dataclasses.asdict(scale)))
    assert read_record("scale", fields).judge == "abc"
    del fields["judge"]
    assert read_record("scale", fields).judge.startswith("14aba8b0d8db8791")
    assert read_record("scale", {**fields, "legibility": None}).judge == ""


def test_the_floor_is_the_best_recipe_and_by_another_metric_or_over_fewer_pictures_it_may_be_another():
    blind = {
        "mean": LeakRecord(
            DESIGN, "blind/mean", 0, {"ssim": [0.5, 0.1], "l2": [0.1, 0.2]}, {"driver": Share(0.5, 0.4, 9)}
        ),
        "flat": LeakRecord(
            DESIGN, "blind/flat", 0, {"ssim": [0.2, 0.5], "l2": [0.3, 0.4]}, {"driver": Share(0.3, 0.4, 9)}
        ),
    }
    scale = ScaleRecord(DESIGN, blind, ThumbnailScale(32, (32,), {}))
    assert scale.floor("ssim").attack == "blind/flat"
    assert scale.floor("ssim", 1).attack == "blind/mean"
    assert scale.floor("l2").attack == "blind/mean"
    assert scale.floor("psnr") is None
    assert scale.guessed("driver").value == 0.5
    assert scale.guessed("vehicle") is None


def test_an_interval_and_a_load_come_back_and_a_slower_edge_takes_longer_at_both_ends(tmp_path):
    whole = Design("toy", EDGE_ONLY, codec="none")
    timed = LatencyRecord(whole, "", {}, TIMES, 30, 0.0, interval=(0.75, 1.5), load=MachineLoad(0.5, 2))
    store = BenchStore(tmp_path)
    store.describe({}, FIXED, replace(AXES, links=("wifi", "wifi@4x")))
    store.keep(Finished(LatencyCell(whole, ""), timed, "", 1.0))
    store.close()
    quick, slow = open_results(tmp_path).latencies
    assert quick == replace(timed, link="wifi")
    assert (slow.interval, slow.total.p50, slow.load) == ((3.0, 6.0), 4.0, timed.load)


def test_figures_that_do_not_compare_are_refused(tmp_path):
    store = filled(tmp_path)
    with pytest.raises(UsageError, match=r"preset quick.*preset paper.*another --out"):
        store.describe({}, {"terms": "preset paper"}, AXES)
    assert store.provenance()["terms"] == "preset quick"
    store.close()


def test_what_classifiers_were_trained_on_may_change_until_a_figure_rests_on_it(tmp_path):
    store = BenchStore(tmp_path)
    store.describe({}, {**FIXED, "private": "spec lfw"}, AXES)
    store.keep(Finished(AccuracyCell(DESIGN), None, "UsageError: other pictures were held back", 1.0))
    store.keep(Finished(LeakCell(DESIGN, "pixels-white", 0), LEAK, "", 2.0))
    store.describe({}, {**FIXED, "private": "spec lfw, seed 3"}, AXES)
    store.keep(Finished(AccuracyCell(DESIGN), AccuracyRecord(DESIGN, "top-1", 50.0, 100), "", 1.0))
    with pytest.raises(UsageError, match="do not compare"):
        store.describe({}, {**FIXED, "private": "spec lfw"}, AXES)
    store.close()


def test_what_is_seen_of_a_training_set_comes_back_for_every_design_of_its_target(tmp_path):
    store = filled(tmp_path)
    record = TrainingSetRecord(WHOLE, "latent", "white box", False, {"ada": {"top1": 0.5}}, 2, 62, "faces", seconds=0.5)
    store.describe({}, FIXED, replace(AXES, class_attacks=("latent",), class_targets=("toy",)))
    store.keep(Finished(TrainingSetCell("toy", "latent"), record, "", 1.0))
    store.close()
    found = open_results(tmp_path).training_sets
    designs = [Design("toy", cut, codec=codec) for cut in ("a", "b", "cloud-only") for codec in AXES.codecs]
    assert found == [replace(record, design=design) for design in [*designs, WHOLE]]


def test_terms_of_attacks_on_classes_may_come_later_and_then_stay(tmp_path):
    store = filled(tmp_path)
    store.describe({}, {**FIXED, "training set": "suite quick"}, AXES)
    store.describe({}, {**FIXED, "training set": "suite quick, per class 3"}, AXES)
    record = TrainingSetRecord(WHOLE, "latent", "white box", False, {}, 2, 62, "faces")
    store.keep(Finished(TrainingSetCell("toy", "latent"), record, "", 1.0))
    with pytest.raises(UsageError, match="do not compare"):
        store.describe({}, {**FIXED, "training set": "suite quick"}, AXES)
    store.describe({}, FIXED, AXES)
    store.close()


def test_a_cell_that_succeeds_later_replaces_its_failure(tmp_path):
    store = filled(tmp_path)
    cell = LatencyCell(DESIGN, "lte")
    store.keep(Finished(cell, LatencyRecord(DESIGN, "lte", {}, TIMES, 30, 10.0), "", 1.0))
    store.close()
    found = open_results(tmp_path)
    assert not found.failures
    assert LatencyRecord(DESIGN, "lte", {}, TIMES, 30, 10.0) in found.latencies


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(UsageError, match="no run of `keyhole bench`"):
        open_results(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "fields",
    [
        {"scores": {}, "secrets": {"plate": 0.5}},
        {"scores": {}, "secrets": {}, "colour": "red"},
        {"secrets": {}},
        {"scores": {}, "secrets": None},
    ],
)
def test_a_cell_of_another_version_is_refused_with_what_to_do(fields):
    stored = {"design": {"target": "toy", "cut": "a"}, "attack": "pixels-white", "seed": 0, **fields}
    with pytest.raises(UsageError, match=r"leak was stored by another version.*another folder"):
        read_record("leak", stored)


def test_a_leak_of_before_showed_psnr_and_ssim(tmp_path):
    fields = dataclasses.asdict(LEAK)
    of_before = {name: value for name, value in fields.items() if name not in ("sets", "shown")}
    assert read_record("leak", of_before) == LEAK
    asked = replace(LEAK, shown=("l2", "fid"), sets={"fid": 20.0})
    assert read_record("leak", json.loads(json.dumps(dataclasses.asdict(asked)))) == asked


STORED_DESIGN = {"target": "toy", "cut": "a", "defence": "none", "codec": "int8"}
STORED_TIMES = {"p50": 1.0, "p95": 2.0, "p99": 3.0}
STORED = {
    "latency": {
        "link": "lte", "stages": {"network": STORED_TIMES}, "total": STORED_TIMES, "frames": 30, "payload": 9.0
    },
    "accuracy": {"measure": "rank-1", "value": 50.0, "pictures": 100, "reach": [40.0, 60.0]},
    "leak": {
        "attack": "pixels-white", "seed": 0, "scores": SCORES, "secrets": {"driver": {"value": 0.5, "guessing": 0.25,
        "asked": 8}}, "passes": 3.0, "seconds": 1.5, "sheet": "x.png"
    },
    "profile": {"payload": 100.0, "parameters": 5, "macs": 7, "dfil": None, "memory": 11},
}  # fmt: skip
STORED_ABOUT = {
    "command": "keyhole bench",
    "terms": "preset quick",
    "suite": "pixels-white 4 pictures × 150 iterations, 4 at once",
    "axes": {
        "targets": [{"name": "toy", "cuts": ["a"]}], "defences": ["none"], "codecs": ["int8"], "links": ["lte"],
        "attacks": ["pixels-white"], "seeds": [0]
    },
}  # fmt: skip


def test_a_run_as_the_first_version_stored_it_is_read(tmp_path):
    with sqlite3.connect(tmp_path / "bench.sqlite") as database:
        database.execute("create table about (key varchar primary key, value json not null)")
        database.execute(
            "create table cells (name varchar primary key, kind varchar not null, record json, error varchar not null,"
            " seconds double not null, at double not null, machine varchar not null)"
        )
        facts = [(key, json.dumps(value)) for key, value in STORED_ABOUT.items()]
        database.executemany("insert into about values (?, ?)", facts)
        cells = [
            (kind, kind, json.dumps({"design": STORED_DESIGN, **fields}), "", 1.0, float(place), "here")
            for place, (kind, fields) in enumerate(STORED.items())
        ]
        database.executemany("insert into cells values (?, ?, ?, ?, ?, ?, ?)", cells)
    database.close()
    found = open_results(tmp_path)
    assert found.latencies == [LatencyRecord(DESIGN, "lte", {"network": TIMES}, TIMES, 30, 9.0)]
    assert found.accuracies == [AccuracyRecord(DESIGN, "rank-1", 50.0, 100)]
    assert found.leaks == [LEAK]
    assert found.profiles == [ProfileRecord(DESIGN, 100.0, 5, 7, memory=11)]
    assert found.provenance["attack pixels-white"] == "4 pictures × 150 iterations, 4 at once"
    assert found.provenance["terms"] == "preset quick"
