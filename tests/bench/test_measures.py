"""Measuring functions that need no process of their own."""

from __future__ import annotations

import itertools
import math
import os
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as transform

from keyhole.bench.axes import AccuracyCell, Axes, LatencyCell, PictureCell, ProfileCell
from keyhole.bench.class_terms import PrivateTerms
from keyhole.bench.measure.accuracy import accuracy
from keyhole.bench.measure.latency import latency, median_interval
from keyhole.bench.measure.machine_load import LoadWatch
from keyhole.bench.measure.picture import picture
from keyhole.bench.measure.profile import profile
from keyhole.bench.plan import SweepPlan
from keyhole.bench.provenance import fixed
from keyhole.bench.records import (
    CLOUD_ONLY,
    EDGE_ONLY,
    AccuracyRecord,
    Design,
    LatencyRecord,
    LeakRecord,
    MachineLoad,
    ProfileRecord,
)
from keyhole.bench.sweep import Sweep, SweepSettings
from keyhole.data import Sample, open_source
from keyhole.data.boxed import BoxedPictures, Boxes
from keyhole.data.classes import ClassSource
from keyhole.evaluation.detection import DetectionTrial
from keyhole.judge.examination import enrol, examine, recovered
from keyhole.judge.recovery import Share, summarise
from keyhole.metrics.detection import BACKEND
from keyhole.nn.text_tower import TextTower
from keyhole.service.errors import UsageError
from keyhole.targets import load_target
from keyhole.train.tasks.caption_data import CaptionedPictures
from keyhole.train.tasks.caption_trial import CaptionTrial
from tests.bench.targets import one_colour
from tests.defences.test_learned import noise
from tests.judge.making import Parrot, labels
from tests.system.tiny_target import tiny
from tests.targets.clip_making import clip

TINY, LOOKER, EMBEDDER, DETECTOR = (
    "tests.system.tiny_target:tiny",
    "tests.bench.targets:looker",
    "tests.bench.targets:embedder",
    "tests.bench.targets:detector",
)


def sweep(run: Path, **settings: object) -> Sweep:
    known = {"source": "leaves", "public": "leaves", "prior": "", "classes": "", "identities": "", "weights": ""}
    return Sweep(SweepSettings(**{"preset": "quick", "size": None, "threads": 1, **known, **settings}), run)


def save(picture: torch.Tensor, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    transform.to_pil_image(picture).save(path)


def colours(root: Path) -> Path:
    """Ten pictures of each of three classes; one of the blue ones is red."""
    for channel, name in enumerate(("red", "green", "blue")):
        for number in range(10):
            shown = 0 if (name, number) == ("blue", 4) else channel
            save(one_colour(shown, 0.5 + 0.05 * number), root / "val" / f"{channel}{name}" / f"{number}.png")
    return root


def measured(design: Design, at: Sweep) -> AccuracyRecord:
    record = accuracy(AccuracyCell(design), at).record
    assert isinstance(record, AccuracyRecord)
    return record


@pytest.mark.parametrize(("cut", "codec"), [("0", "int8"), (EDGE_ONLY, "none"), (CLOUD_ONLY, "fp16")])
def test_top_1_counts_what_the_tail_answers(tmp_path, monkeypatch, cut, codec):
    monkeypatch.setattr("keyhole.bench.measure.accuracy.readable", lambda name: name[1:])
    found = measured(Design(LOOKER, cut, codec=codec), sweep(tmp_path, classes=str(colours(tmp_path))))
    assert (found.measure, found.pictures) == ("top-1", 24), "two of ten of each class are for choosing by"
    assert found.value == pytest.approx(100 * 23 / 24)
    assert found.interval == pytest.approx((79.8, 99.3), abs=0.1)


def test_a_defence_that_leaves_nothing_leaves_no_accuracy(tmp_path, monkeypatch):
    monkeypatch.setattr("keyhole.bench.measure.accuracy.readable", lambda name: name[1:])
    at = sweep(tmp_path, classes=str(colours(tmp_path)))
    drowned = measured(Design(LOOKER, "0", "gaussian:scale=300.0"), at)
    assert drowned.value < 70


def test_no_labelled_pictures(tmp_path):
    with pytest.raises(UsageError, match="give --classes"):
        measured(Design(TINY, "block"), sweep(tmp_path))


def test_pictures_of_other_classes(tmp_path):
    with pytest.raises(UsageError, match="answers with 5"):
        measured(Design(TINY, "block"), sweep(tmp_path, classes=str(colours(tmp_path))))


def people(root: Path) -> Path:
    """Ten pictures of each of three people, of other size than any target's; one of blue's is red."""
    for channel, name in enumerate(("red", "green", "blue")):
        for number in range(10):
            shown = one_colour(0 if (name, number) == ("blue", 4) else channel, 0.5 + 0.05 * number, 40)
            save(shown, root / "private" / name / f"{number}.png")
    return root


@pytest.mark.parametrize("cut", ["0", EDGE_ONLY])
def test_top_1_of_identities_is_on_those_of_their_pictures_that_nothing_learned_from_or_chose(tmp_path, cut):
    terms = PrivateTerms(str(people(tmp_path)), held_back=0.8, seed=3)
    at = replace(sweep(tmp_path / "run"), private=terms)
    found = measured(Design(LOOKER, cut, codec="int8"), at)
    held_back = ClassSource(terms.spec, share=0.8, seed=3).open(16)
    by_class = [[n for n in held_back.held_back if held_back.labels[n] == label] for label in range(3)]
    reported = [n for own in by_class for place, n in enumerate(own, 1) if place % 4]
    assert (found.measure, found.pictures) == ("top-1", len(reported)) == ("top-1", 18)
    wrong = [n for n in reported if (held_back.names[held_back.labels[n]], n % 10) == ("blue", 4)]
    assert found.value == pytest.approx(100 * (18 - len(wrong)) / 18)


def test_pictures_that_were_divided_otherwise_than_the_card_says_are_refused(tmp_path, monkeypatch):
    at = replace(sweep(tmp_path / "run"), private=PrivateTerms(str(people(tmp_path)), held_back=0.8))
    monkeypatch.setattr("keyhole.bench.measure.accuracy.told_accuracy", lambda _: 60.0)
    with pytest.raises(UsageError, match=r"its card says 60.0 %: other pictures were held back.*--private-seed"):
        measured(Design(LOOKER, "0"), at)
    monkeypatch.setattr("keyhole.bench.measure.accuracy.told_accuracy", lambda _: 97.0)
    assert measured(Design(LOOKER, "0"), at).value > 90


def test_private_pictures_of_other_people_are_refused(tmp_path):
    at = replace(sweep(tmp_path / "run"), private=PrivateTerms(str(people(tmp_path))))
    with pytest.raises(UsageError, match="are none of the target's"):
        measured(Design(TINY, "block"), at)


def test_rank_1_finds_identities_by_their_embedding(tmp_path):
    for identity in range(18):
        shown = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(identity))
        for view in range(3):
            save((shown + 0.01 * view).clamp(0, 1), tmp_path / "set" / f"{identity:02d}" / f"{view}.png")
    found = measured(Design(EMBEDDER, "1", codec="int8"), sweep(tmp_path, identities=str(tmp_path / "set")))
    assert (found.measure, found.value, found.pictures) == ("rank-1", 100.0, 2)


@pytest.mark.parametrize(("defence", "value"), [("none", 100.0), ("topk:share=0.001", 0.0)])
@pytest.mark.parametrize("cut", ["0", EDGE_ONLY])
def test_map_is_that_of_the_boxes_that_the_tail_answers(tmp_path, monkeypatch, cut, defence, value):
    pytest.importorskip(BACKEND)
    boxes = torch.tensor([[4.0, 6.0, 20.0, 18.0], [10.0, 2.0, 30.0, 31.0]])
    pictures = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    for shown, (left, top, right, bottom) in zip(pictures, boxes.int().tolist(), strict=True):
        shown[0, top:bottom, left:right] = 255
    boxed = BoxedPictures(pictures, tuple(Boxes(torch.tensor([0]), box[None]) for box in boxes))
    monkeypatch.setattr("keyhole.bench.measure.accuracy._cached_boxes", lambda *_: DetectionTrial(boxed))
    found = measured(Design(DETECTOR, cut, defence, codec="fp16"), sweep(tmp_path))
    assert (found.measure, found.pictures, found.interval) == ("mAP", 2, None), "too few pictures for an interval"
    assert found.value == pytest.approx(100.0 if cut == EDGE_ONLY else value)


def test_zero_shot_is_what_texts_tell_of_the_pictures_that_the_tail_answers(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    name = clip(tmp_path / "clip")
    pictures = torch.randint(0, 256, (12, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    captions = tuple(f"a {colour} van on a city street" for colour in ("red", "blue", "white") for _ in range(4))
    trial = CaptionTrial(CaptionedPictures(pictures, captions), tuple(sorted(set(captions))))
    monkeypatch.setattr("keyhole.bench.measure.accuracy._cached_captions", lambda *_: trial)
    whole, split = (
        measured(Design(name, cut, codec=codec), sweep(tmp_path / "run"))
        for cut, codec in ((EDGE_ONLY, "none"), ("layer2", "fp32"))
    )
    assert (whole.measure, whole.pictures) == ("zero-shot", 12)
    target = load_target(name)
    expected = trial.shares(target.model, TextTower.load(tmp_path / "clip"), target.preprocess)["all"]
    assert (whole.value, whole.interval) == (expected.value, expected.interval)
    assert (split.value, split.interval) == (whole.value, whole.interval)
    low, high = whole.interval or (0.0, 0.0)
    assert 0 <= low <= whole.value <= high <= 100


def test_map_is_as_sure_as_the_pictures_agree(tmp_path, monkeypatch):
    pytest.importorskip(BACKEND)
    pictures, truth = torch.zeros(8, 3, 32, 32, dtype=torch.uint8), torch.tensor([[4.0, 6.0, 20.0, 18.0]])
    pictures[:6, 0, 6:18, 4:20] = 255  # in two of the eight nothing is to be seen of it
    boxed = BoxedPictures(pictures, (Boxes(torch.tensor([0]), truth),) * 8)
    monkeypatch.setattr("keyhole.bench.measure.accuracy._cached_boxes", lambda *_: DetectionTrial(boxed))
    found = measured(Design(DETECTOR, EDGE_ONLY, codec="none"), sweep(tmp_path))
    low, high = found.interval or (0.0, 0.0)
    assert 20 < low < found.value < high <= 100
    assert found.value == pytest.approx(75, abs=1)


def test_a_detector_of_other_things_has_no_map(tmp_path, monkeypatch):
    monkeypatch.setattr("keyhole.bench.measure.accuracy.BOX_CLASSES", ("cat",))
    with pytest.raises(UsageError, match="other things"):
        measured(Design(DETECTOR, "0"), sweep(tmp_path))


def test_a_profile_counts_the_head_and_weighs_the_payload(tmp_path):
    records = [
        profile(ProfileCell(Design(TINY, cut, codec=codec)), sweep(tmp_path)).record
        for cut, codec in (("stem", "fp32"), ("block", "int8"), ("block", "int8+zstd"), (CLOUD_ONLY, "fp32"))
    ]
    full, small, zipped, pictures = (record for record in records if isinstance(record, ProfileRecord))
    assert full.payload == 8 * 16 * 16 * 4
    assert small.payload == 8 * 16 * 16 + 8 * 4
    assert zipped.payload < small.payload
    assert full.parameters == 8 * 3 * 9 + 8
    assert full.macs == 8 * 3 * 9 * 16 * 16
    assert (pictures.payload, pictures.parameters, pictures.macs) == (3 * 32 * 32 * 4, 0, 0)


def test_a_profile_says_what_share_of_the_model_the_edge_has(tmp_path):
    whole, head, nothing = (
        profile(ProfileCell(design), sweep(tmp_path)).record
        for design in (Design(TINY, EDGE_ONLY, codec="none"), Design(TINY, "stem"), Design(TINY, CLOUD_ONLY))
    )
    model = tiny().model
    parameters = sum(each.numel() for each in model.parameters())
    held = sum(each.nbytes for each in (*model.parameters(), *model.buffers()))
    assert (whole.payload, whole.parameters, whole.weights, whole.secret_share) == (0.0, parameters, held, 0.0)
    assert whole.macs == whole.model_macs > head.macs
    assert whole.memory >= head.memory > head.weights == 4 * head.parameters
    assert (head.secret_share, head.macs_share) == (1 - (8 * 3 * 9 + 8) / parameters, head.macs / whole.macs)
    assert (nothing.secret_share, nothing.macs_share, nothing.weights) == (1.0, 0.0, 0)


@pytest.mark.parametrize(("codec", "least", "most"), [("fp32", 100, 100), ("int8", 40, 70)])
def test_a_picture_that_is_sent_shows_all_that_its_codec_leaves(tmp_path, codec, least, most):
    measured = picture(PictureCell(Design(TINY, CLOUD_ONLY, codec=codec)), sweep(tmp_path))
    record = measured.record
    assert isinstance(record, LeakRecord)
    assert (record.attack, len(record.scores["ssim"])) == ("picture", 100)
    assert min(record.scores["ssim"]) > 0.97
    assert least <= min(record.scores["psnr"]) <= max(record.scores["psnr"]) <= most
    assert list(measured.files) == [record.sheet]


def test_the_interval_of_a_median_holds_it_in_95_of_100_samples():
    draws = np.random.default_rng(0).exponential(size=(2000, 30))
    found = [median_interval(seconds) for seconds in draws]
    held = [low <= 1e3 * math.log(2) <= high for low, high in found]
    assert 0.94 < sum(held) / len(held) < 0.99
    assert median_interval([0.1] * 5) is None
    assert median_interval([0.1] * 6) == (100.0, 100.0)


def test_load_is_what_others_do_and_neither_what_is_measured_nor_waiting(monkeypatch):
    fields = "user nice system idle iowait steal guest"
    readings = iter(
        [dict.fromkeys(fields.split(), 10.0), dict(zip(fields.split(), (15, 11, 12, 19, 30, 20, 11), strict=True))]
    )
    times = namedtuple("times", fields)
    monkeypatch.setattr("psutil.cpu_times", lambda: times(**next(readings)))
    own = iter([os.times_result((1.0, 1.0, 0.0, 0.0, 0.0)), os.times_result((2.0, 1.5, 1.5, 0.0, 0.0))])
    monkeypatch.setattr("os.times", lambda: next(own))
    clock = iter([100.0, 110.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    found = LoadWatch().load()
    assert found == MachineLoad(pytest.approx((5 + 1 + 2 - 3) / 10), 4)
    assert found.heavy
    assert not MachineLoad(0.3, 4).heavy


def test_the_whole_model_on_the_edge_crosses_nothing(tmp_path):
    record = latency(LatencyCell(Design(TINY, EDGE_ONLY, codec="none"), ""), sweep(tmp_path)).record
    assert isinstance(record, LatencyRecord)
    assert record.interval[0] <= record.total.p50 <= record.interval[1]
    assert record.load.cores == os.cpu_count()
    assert (record.payload, record.frames, list(record.stages)) == (0.0, 30, ["edge_compute"])
    assert 0 < record.total.p50 <= record.total.p95 <= record.total.p99


def test_secrets_are_the_shares_that_the_judge_reads():
    shown = torch.rand(12, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    known = [labels(identity=str(n)) for n in range(12)]
    gallery = enrol(Parrot(), [label.identity for label in known], lambda number: shown[int(number)][None])
    found = summarise(examine(Parrot(), shown[:4], known[:4], gallery)).shares()
    assert found["plate glyphs"] == Share(pytest.approx(4 / 6), pytest.approx(1 / 36), 24)
    assert found["driver"] == Share(pytest.approx(2 / 3), pytest.approx((0.5 + 3 / 11.5 + 0.55) / 3), 12)
    assert found["vehicle"] == Share(1.0, pytest.approx(1 / 12), 4)
    swapped = summarise(examine(Parrot(), shown[:4].roll(1, dims=0), known[:4], gallery)).shares()
    assert swapped["vehicle"].value == 0.0


def test_pictures_without_secrets_are_left_out_and_further_truths_are_in_the_gallery():
    source = open_source("streetcam", pool="audit", size=128, seed=0, secrets=True)
    truths = [Sample(torch.zeros(3, 128, 128)), *itertools.islice(source, 14)]
    pictures = torch.stack([truth.picture for truth in truths[:4]])
    found = recovered(pictures, truths)
    vehicles = len({truth.secrets.identity for truth in truths[1:]})
    assert found["vehicle"].asked == 3
    assert found["vehicle"].guessing == pytest.approx(1 / vehicles)
    assert recovered(pictures[:1], truths) == {}


def test_vehicles_are_looked_up_among_ten_or_more_that_are_enrolled():
    shown = torch.rand(12, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    known = [labels(identity=str(n)) for n in range(12)]
    gallery = enrol(Parrot(), map(str, range(9)), lambda number: shown[int(number)][None])
    assert "vehicle" not in summarise(examine(Parrot(), shown[:4], known[:4], gallery)).shares()
    without = enrol(Parrot(), map(str, range(1, 12)), lambda number: shown[int(number)][None])
    assert "vehicle" not in summarise(examine(Parrot(), shown[:4], known[:4], without)).shares()
    assert enrol(Parrot(), ["0", "1"], {"1": shown[1:2]}.get).keys() == {"1"}


def test_figures_behind_a_mechanism_that_was_learned_anew_do_not_compare(tmp_path):
    settings, known = sweep(tmp_path).settings, []
    for deviation in (0.1, 5.0):
        defence = noise(tmp_path, torch.full((8, 4, 4), deviation), torch.zeros(8, 4, 4))
        known.append(
            fixed(SweepPlan(Axes((), ("none", "gaussian:scale=1", defence), (), (), (), ()), settings, {}, {}))
        )
    assert [name for name in known[0] if name.startswith("defence")] == [f"defence {defence}"]
    assert known[0].keys() == known[1].keys()
    assert [name for name in known[0] if known[0][name] != known[1][name]] == [f"defence {defence}"]
