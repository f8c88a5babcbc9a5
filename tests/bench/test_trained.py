"""Targets under a trained defence as designs of their base."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from keyhole.bench.advice.constraints import constraints
from keyhole.bench.advice.options import options
from keyhole.bench.advice.recommendation import recommendation
from keyhole.bench.advice.trained import trained_defences, with_trained_defences
from keyhole.bench.records import AccuracyRecord, Design, ProfileRecord, ScaleRecord
from keyhole.bench.results import Failure, Results
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.service.errors import UsageError
from tests.bench.making import SPREAD, TARGET, latency, leak, run, scale

PRUNED = "pruned:p"
KNOWN = trained_defences([f"{PRUNED}={TARGET}+patrol"], [TARGET, PRUNED])


def with_pruned(*scales: ScaleRecord, **sizes: str) -> Results:
    results = run()
    facts = {f"model {PRUNED if name == 'pruned' else name}": f"0123abcd, {size}" for name, size in sizes.items()}
    profiles = [*results.profiles, ProfileRecord(Design(PRUNED, "layer2.0"), 1.0, 1, 1)]
    return replace(results, profiles=profiles, scales=scales, provenance={**results.provenance, **facts})


def pruneds(found: ScaleRecord) -> ScaleRecord:
    return replace(found, design=replace(found.design, target=PRUNED))


def test_a_trained_defence_counts_as_a_design_of_its_base() -> None:
    patrol = Design("pruned:p", "layer1", "none", "fp32")
    results = Results(
        latencies=[latency(Design(TARGET, "layer1"), "lte", 9), latency(patrol, "lte", 8)],
        accuracies=[AccuracyRecord(Design(TARGET, "layer1"), "top-1", 80, 9), AccuracyRecord(patrol, "top-1", 78, 9)],
        leaks=[leak(Design(TARGET, "layer1"), "a", 0.8), leak(patrol, "a", 0.2)],
        failures=[Failure("a", "b")],
    )
    merged = with_trained_defences(results, trained_defences(["pruned:p=toy+patrol"], ["toy", "pruned:p"]))
    found = recommendation(options(merged), TARGET, "lte", constraints("lte", max_ssim=0.5))
    assert found.chosen is not None
    assert found.chosen.design == Design(TARGET, "layer1", "patrol", "fp32")
    assert found.chosen.loss == 2
    assert merged.failures == results.failures


@pytest.mark.parametrize(
    "text", ["pruned:p", "pruned:p=toy", "=toy+patrol", "pruned:p=+patrol", "pruned:p=other+patrol"]
)
def test_a_defended_target_that_is_spelt_wrong_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(text)):
        trained_defences([text], ["toy", "pruned:p"])


def test_a_defended_target_of_the_same_pictures_is_a_design_of_its_base() -> None:
    same = with_pruned(scale(), pruneds(scale(blind=0.3)), toy="64 px", pruned="64 px")
    for results in (same, with_pruned(scale()), with_pruned(toy="64 px"), with_pruned(pruneds(scale()))):
        merged = with_trained_defences(results, KNOWN)
        assert Design(TARGET, "layer2.0", "patrol") in merged.designs


def test_pictures_of_another_size_do_not_compare() -> None:
    message = f"--defended {PRUNED}={TARGET}.*{PRUNED} was measured on pictures of 128 px, and {TARGET} on .* 64x32 px"
    with pytest.raises(UsageError, match=message):
        with_trained_defences(with_pruned(toy="64x32 px", pruned="128 px"), KNOWN)


def test_a_scale_of_other_pictures_does_not_compare() -> None:
    first = scale()
    rows = first.thumbnails.scores["ssim"]
    other = [[value + step for value, step in zip(row, SPREAD, strict=True)] for row in rows]
    fewer = [row[:3] for row in rows]
    for scores, sides, compares in (
        (other, first.thumbnails.sides, False),
        (fewer, first.thumbnails.sides, True),
        (fewer[:-1], first.thumbnails.sides[:-1], False),
    ):
        second = replace(first, thumbnails=ThumbnailScale(sides[-1], sides, {"ssim": scores}))
        results = with_pruned(first, pruneds(second))
        if compares:
            with_trained_defences(results, KNOWN)
        else:
            with pytest.raises(UsageError, match=r"measured on other pictures than toy.*measure both in one run"):
                with_trained_defences(results, KNOWN)
