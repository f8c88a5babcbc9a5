"""Scores of class inversion against computations of their own."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from keyhole.attacks.classes.base import Answer, Wanted
from keyhole.attacks.classes.registry import choose_class_attack
from keyhole.data.labelled import LabelledPictures
from keyhole.evaluation.classes.published import TABLE, TRENDS, Trend, published_inversion
from keyhole.evaluation.classes.references import PrivatePictures
from keyhole.evaluation.classes.report import sentences
from keyhole.evaluation.classes.rows import Inversion, InversionRow
from keyhole.evaluation.classes.scores import Classifiers, ClassScore, score_classes, score_real
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.judge.identity import IdentityJudge
from keyhole.metrics.interval import Mean
from keyhole.metrics.registry import metrics_named
from keyhole.targets.target import Preprocess, Target

NAMES = ("a", "b", "c")
TRAIN, REPORT = [0] * 7 + [1] * 7 + [2] * 4, [0, 0, 1, 1, 1, 2]


def unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def look(pictures: Tensor) -> Tensor:
    """Four numbers of a picture."""
    return torch.stack([pictures[:, 0, 0, 0], pictures[:, 1, 0, 1], pictures[:, 2, 1, 0], pictures[:, 0, 1, 1]], dim=1)


def drawn(labels: list[int], seed: int) -> LabelledPictures:
    random = torch.Generator().manual_seed(seed)
    centres = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(99))
    pictures = centres[torch.tensor(labels)] + 0.3 * torch.randn(len(labels), 3, 12, 12, generator=random)
    return LabelledPictures((255 * pictures.clamp(0, 1)).to(torch.uint8), torch.tensor(labels), NAMES)


@pytest.fixture(scope="module")
def private() -> PrivatePictures:
    judge = IdentityJudge("four numbers", look, threshold=0.9)
    train, report = drawn(TRAIN, 1), drawn(REPORT, 2)
    vectors = [judge.embed(part.pictures.float() / 255) for part in (train, report)]
    return PrivatePictures(train, report, judge, *vectors)


def classify(pictures: Tensor) -> Answer:
    logits = 5 * pictures[:, :, 0, 0]
    return Answer(logits, logits)


def close(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def far(one: list[float], other: list[float]) -> float:
    return math.dist(one, other)


def centroid(vectors: list[list[float]]) -> list[float]:
    return unit([sum(column) for column in zip(*vectors, strict=True)])


def test_figures_are_what_their_definitions_say(private: PrivatePictures) -> None:
    wanted = Wanted.each([0, 1, 2], 3)
    made = drawn(wanted.labels.tolist(), 5).pictures.float() / 255
    metrics = metrics_named(("psnr",))
    found = score_classes(made, wanted, private, Classifiers(classify, lambda shown: classify(shown).logits), metrics)
    train, report = private.train_vectors.tolist(), private.report_vectors.tolist()
    middles = [centroid([v for v, own in zip(report, REPORT, strict=True) if own == label]) for label in range(3)]
    for at, (label, _) in enumerate(wanted):
        vector, scores = unit(look(made[at : at + 1])[0].tolist()), found.pictures[at]
        likeness = [close(vector, middle) for middle in middles]
        assert scores["top1"] == (max(likeness) == likeness[label])
        assert scores["top5"] == 1.0  # of three classes
        pairs = [close(vector, other) > 0.9 for other, own in zip(report, REPORT, strict=True) if own == label]
        assert scores["verified"] == pytest.approx(sum(pairs) / len(pairs))
        same = {place: far(vector, other) for place, other in enumerate(train) if TRAIN[place] == label}
        nearest = min(same, key=same.__getitem__)
        assert scores["knn_distance_judge"] == pytest.approx(same[nearest], abs=1e-5)
        error = (made[at] - private.train.pictures[nearest].float() / 255).square().mean()
        assert scores["psnr"] == pytest.approx(-10 * math.log10(float(error)), abs=1e-3)
        mean = [sum(column) / len(same) for column in zip(*(train[place] for place in same), strict=True)]
        assert scores["feature_distance_judge"] == pytest.approx(far(vector, mean), abs=1e-5)
        chances = classify(made[at : at + 1]).logits.softmax(dim=1)[0]
        assert scores["target_confidence"] == pytest.approx(float(chances[label]), abs=1e-5)
        assert scores["evaluator_top1"] == scores["target_top1"] == float(chances.argmax() == label)


def test_coverage_and_diversity_of_a_class(private: PrivatePictures) -> None:
    wanted = Wanted.each([0, 2], 3)
    made = drawn(wanted.labels.tolist(), 6).pictures.float() / 255
    found = score_classes(made, wanted, private, Classifiers(classify), ())
    vectors = [unit(look(one[None])[0].tolist()) for one in made]
    real = private.train_vectors[:7].tolist()
    covered = 0
    for at, one in enumerate(real):
        others = sorted(far(one, other) for place, other in enumerate(real) if place != at)
        covered += min(far(one, mine) for mine in vectors[:3]) <= others[4]
    assert found.classes[0]["coverage_judge"] == pytest.approx(covered / 7)
    apart = [far(*pair) for pair in itertools.combinations(vectors[:3], 2)]
    assert found.classes[0]["diversity_judge"] == pytest.approx(sum(apart) / 3, abs=1e-5)
    assert math.isnan(found.classes[2]["coverage_judge"])  # four pictures have no fifth neighbour
    assert found.mean("coverage_judge").mean == pytest.approx(covered / 7)
    assert "frechet_distance_judge" in found.sets
    assert "verified" in found.pictures[0]


def test_real_pictures_are_judged_without_themselves(private: PrivatePictures) -> None:
    found = score_real(private, [0, 1, 2], Classifiers(classify), ())
    report = private.report_vectors.tolist()
    for at, label in enumerate(REPORT):
        scores = found.pictures[at]
        rest = [v for place, v in enumerate(report) if REPORT[place] == label and place != at]
        if not rest:
            assert math.isnan(scores["top1"])
            assert math.isnan(scores["verified"])
            continue
        middles = [centroid([v for v, own in zip(report, REPORT, strict=True) if own == other]) for other in range(3)]
        middles[label] = centroid(rest)
        likeness = [close(report[at], middle) for middle in middles]
        assert scores["top1"] == (max(likeness) == likeness[label])
        pairs = [close(report[at], other) > 0.9 for other in rest]
        assert scores["verified"] == pytest.approx(sum(pairs) / len(pairs), abs=1e-5)


def test_a_judge_without_a_threshold_verifies_nothing(private: PrivatePictures) -> None:
    judge = IdentityJudge("none", look)
    bare = PrivatePictures(private.train, private.report, judge, private.train_vectors, private.report_vectors)
    made = drawn([0, 1], 3).pictures.float() / 255
    found = score_classes(made, Wanted.each([0, 1]), bare, Classifiers(classify), ())
    assert "verified" not in found.pictures[0]
    assert found.mean("verified") is None
    assert bare.verified_of_strangers is None


def test_an_evaluator_that_answers_no_numbers_recognises_nobody(private: PrivatePictures) -> None:
    made = drawn([0, 1, 2], 3).pictures.float() / 255
    asked = Classifiers(classify, lambda shown: torch.full((len(shown), 8), torch.nan))
    found = score_classes(made, Wanted.each([0, 1, 2]), private, asked, ())
    assert [scores["evaluator_top1"] for scores in found.pictures] == [0.0] * 3
    assert [scores["evaluator_top5"] for scores in found.pictures] == [0.0] * 3


def test_a_share_that_all_classes_have_whole_or_not_at_all_is_not_certain() -> None:
    def score(shares: list[float]) -> ClassScore:
        wanted = Wanted.each(range(len(shares)))
        by_class = {label: {"top1": share, "psnr": share} for label, share in enumerate(shares)}
        return ClassScore(wanted, list(by_class.values()), by_class)

    for share, (low, high) in ((0.0, (0.0, 0.2775)), (1.0, (0.7225, 1.0))):  # Wilson's of 10
        found = score([share] * 10).mean("top1")
        assert found is not None
        assert found.mean == share
        assert found.interval == pytest.approx((low, high), abs=1e-4)
    assert score([0.0] * 4).mean("top1").interval is None
    assert score([0.5] * 10).mean("top1").interval == (0.5, 0.5)
    assert score([0.0] * 10).mean("psnr").interval == (0.0, 0.0)


def test_verification_by_chance_is_of_pictures_of_two_classes(private: PrivatePictures) -> None:
    report = private.report_vectors.tolist()
    pairs = [
        close(report[one], report[other]) > 0.9
        for one, other in itertools.combinations(range(len(REPORT)), 2)
        if REPORT[one] != REPORT[other]
    ]
    assert private.verified_of_strangers == pytest.approx(sum(pairs) / len(pairs))
    assert 0 < sum(pairs) < len(pairs)


def test_a_gain_is_paired_by_class(private: PrivatePictures) -> None:
    wanted = Wanted.each([0, 1, 2])
    one, other = (
        score_classes(drawn([0, 1, 2], seed).pictures.float() / 255, wanted, private, Classifiers(classify), ())
        for seed in (3, 4)
    )
    gain = one.gain(other, "target_confidence")
    assert gain is not None
    own = [a["target_confidence"] - b["target_confidence"] for a, b in zip(one.pictures, other.pictures, strict=True)]
    assert gain.mean == pytest.approx(sum(own) / 3)


def test_published_figures_stand_beside_runs_of_the_papers_setting_alone() -> None:
    channels = [3, 64, 64, 128, 128, 256, 256, 256, *[512] * 6]
    layers = nn.Sequential(*(nn.Conv2d(before, after, 1) for before, after in itertools.pairwise(channels)))
    target = Target("vgg16", layers, Preprocess(64), (), 1000, "none", "none")
    settings = InvertSettings("vgg16", private="celeba-diff-mi:/faces", public="celeba-diff-mi:/faces")
    found = published_inversion("gmi/strong", settings, target)
    assert found is not None
    assert found.top1 == 23.4
    assert published_inversion("latent/strong", settings, target) is None
    for other in (
        replace(target, model=layers[:11]),
        replace(target, defence="bido"),
        replace(target, outputs=530),
        replace(target, preprocess=Preprocess(112)),
    ):
        assert published_inversion("gmi/strong", settings, other) is None
    for changed in (replace(settings, public="celeba:/faces"), replace(settings, iterations=5)):
        assert published_inversion("gmi/strong", changed, target) is None


def test_trends_are_of_published_rows_and_lead_by_the_better_row() -> None:
    assert {name for trend in TRENDS for name in trend.of} <= set(TABLE)
    figures = {"x": 0.5, "y": 0.4}

    def gain(one: str, other: str, _: str) -> Mean | None:
        return Mean(figures[one] - figures[other], None) if one in figures and other in figures else None

    ((word, lead),) = Trend("x is best", ("x", "y")).leads(gain) or []
    assert (word, lead.mean) == ("y", pytest.approx(0.1))
    ((_, lead),) = Trend("x is nearest", ("x", "y"), "distance", lower=True).leads(gain) or []
    assert lead.mean == pytest.approx(-0.1)
    assert Trend("x is best", ("x", "y", "z")).leads(gain) is None


def row(word: str, **figures: list[float]) -> InversionRow:
    count = len(next(iter(figures.values())))
    scores = {label: {name: one[label] for name, one in figures.items()} for label in range(count)}
    score = ClassScore(Wanted.each(range(count)), list(scores.values()), scores)
    return InversionRow(choose_class_attack(word), score, torch.zeros(count, 3, 2, 2))


def trend_told(rows: list[InversionRow], of: str) -> str:
    rows = [*rows, row("public-best", top1=[0.0] * len(rows[0].score.classes))]
    (found,) = [text for text in sentences(Inversion(rows, rows[0].score, 10)) if f"Published trend, {of}" in text]
    return found.partition(": ")[2]


@pytest.mark.parametrize(
    ("ked", "gmi", "said"),
    [
        ([1.0] * 9 + [0.0], [0.0] * 10, "seen"),
        ([0.0] * 10, [1.0] * 9 + [0.0], "the reverse is seen"),
        ([1.0] * 2 + [0.0] * 8, [0.0] * 9 + [1.0], "undecided"),  # 20 % against 10 %: the interval crosses 0
        ([0.0] * 9 + [1.0], [1.0] * 2 + [0.0] * 8, "undecided"),
        ([0.0] * 10, [0.0] * 10, "not seen"),
        ([1.0] * 3, [0.0] * 3, "undecided"),  # too few for an interval
    ],
)
def test_a_trend_is_told_from_paired_differences_of_classes(ked: list[float], gmi: list[float], said: str) -> None:
    told = trend_told([row("ked-mi", top1=ked), row("gmi", top1=gmi)], "KED")
    assert told.startswith(f"{said} (")
    assert "against gmi/strong" in told
    assert ("too few classes" in told) == (len(ked) < 5)


def test_a_trend_of_several_rows_is_seen_against_all_of_them_or_not() -> None:
    near, noisy = [0.1] * 9 + [0.3], [0.1] * 9 + [0.4]
    others = [row(word, top1=[0.0] * 10, knn_distance_judge=[0.5] * 10) for word in ("plg-mi", "ked-mi")]
    told = trend_told(
        [row("diff-mi", top1=[0.0] * 10, knn_distance_judge=near), *others, others_at(noisy)], "Diff-MI n"
    )
    assert told.startswith("undecided (")
    told = trend_told(
        [row("diff-mi", top1=[0.0] * 10, knn_distance_judge=near), *others, others_at([0.6] * 10)], "Diff-MI n"
    )
    assert told.startswith("seen (")


def others_at(distances: list[float]) -> InversionRow:
    return row("gmi", top1=[0.0] * 10, knn_distance_judge=distances)
