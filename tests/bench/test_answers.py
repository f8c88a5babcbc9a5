"""Targets of every task in a benchmark: what cannot be measured of one is said before anything is."""

from __future__ import annotations

import pytest

from keyhole.bench.plan import resolve
from keyhole.bench.settings import PlanSettings
from keyhole.service.errors import UsageError
from tests.bench.running import bench_here
from tests.targets.clip_making import clip

CLASSIFIER, EMBEDDER, DETECTOR = (f"tests.bench.targets:{name}" for name in ("looker", "embedder", "detector"))
FEW = ("--points", "1", "--attacks", "pixels-white", "--links", "none", "--source", "leaves", "--public", "leaves")


def test_a_dry_run_says_of_which_targets_no_accuracy_can_be_measured(tmp_path) -> None:
    tower = clip(tmp_path / "clip", texts=False)
    targets = ("--targets", CLASSIFIER, EMBEDDER, DETECTOR, f"{tower}@layer2")
    code, said = bench_here("--dry-run", *targets, *FEW)
    assert code == 0, said
    failing = [line for line in said.splitlines() if line.startswith("accuracy: those cells will fail")]
    assert len(failing) == 2
    assert f"no labelled pictures for {CLASSIFIER}: give --classes" in failing[0]
    assert "no text tower lies beside it" in failing[1]
    code, said = bench_here("--dry-run", *targets, *FEW, "--only", "leak")
    assert code == 0, said
    assert "will fail" not in said


@pytest.mark.parametrize("target", [EMBEDDER, DETECTOR])
def test_an_attack_that_needs_classes_is_refused_with_a_target_that_has_none(target) -> None:
    with pytest.raises(UsageError, match="query-free needs a classifier with its card"):
        resolve(PlanSettings(targets=(target,), points=1, attacks=("pixels-white", "query-free"), source="leaves"))


def test_attacks_on_classes_are_refused_where_no_target_is_a_classifier(tmp_path) -> None:
    flags = PlanSettings(
        targets=(DETECTOR,), points=1, attacks=("pixels-white",), private="streetcam", training_set=("latent",)
    )
    with pytest.raises(UsageError, match="--training-set: none of the targets"):
        resolve(flags)
