"""An attacker that knows the defence sees more than one that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from keyhole.attacks.base import Budget, Observation, Watch
from keyhole.attacks.features.objective import STRONG
from keyhole.attacks.features.white_box import OwnOracle, WhiteBoxAttack
from keyhole.defences import SeveralLooks, defence_named, randomness
from keyhole.generators.pixels import SpectralPixels
from keyhole.metrics import psnr
from tests.attacks.tiny import SIZE, pictures, white_box


def protected(known, truth) -> list[Observation]:
    (features,) = OwnOracle(known, randomness(0, "edge")).query(truth)
    return [Observation(f"edge-{i}", (features[i : i + 1],)) for i in range(len(truth))]


def quality(known, seen, truth, iterations=150) -> float:
    attack = WhiteBoxAttack(known, SpectralPixels(SIZE), STRONG, Budget(iterations), watch=Watch(1e9))
    *_, last = attack.reconstruct(seen)
    return psnr(last.pictures, truth).mean().item()


@pytest.mark.parametrize(
    "spec", ["topk:share=0.2", "dropout:share=0.5,rescale=true", "gaussian:scale=0.5", "laplace:snr=6"]
)
def test_the_optimiser_makes_use_of_what_it_knows(spec):
    unaware, truth = white_box(), pictures(6, seed=3)
    aware = replace(unaware, defence=defence_named(spec))
    seen = protected(aware, truth)
    assert quality(aware, seen, truth) > quality(unaware, seen, truth) + 1


def test_few_values_are_worth_more_to_whoever_knows_why_they_are_few():
    unaware, truth = white_box(), pictures(6, seed=3)
    aware = replace(unaware, defence=defence_named("topk:share=0.05"))
    seen = protected(aware, truth)
    assert quality(aware, seen, truth) > quality(unaware, seen, truth) + 0.2


def test_more_frames_of_a_scene_show_more():
    defence, truth = defence_named("gaussian:scale=1"), pictures(6, seed=3)
    scores = []
    for frames in (1, 8):
        known = replace(white_box(), defence=SeveralLooks(defence, frames, defence))
        scores.append(quality(known, protected(known, truth), truth))
    assert scores[1] > scores[0] + 1.5


def test_a_refined_attack_learns_from_protected_answers():
    known = replace(white_box(), defence=defence_named("topk:share=0.1"))
    (answers,) = OwnOracle(known, randomness(0, "adversary")).query(pictures(3))
    assert ((answers != 0).flatten(1).sum(1) == 77).all()


def test_the_attackers_numbers_are_not_the_edges():
    known, truth = replace(white_box(), defence=defence_named("gaussian:scale=0.5")), pictures(1)
    edge, own = (OwnOracle(known, randomness(0, role)).query(truth)[0] for role in ("edge", "adversary"))
    assert not torch.equal(edge, own)
