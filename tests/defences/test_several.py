"""Several frames of a still scene: what can be combined is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from keyhole.defences import UNPROTECTED, SeveralLooks, defence_named
from tests.defences.test_learned import noise, ramp


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dense(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 8, 30, 30, generator=random(seed)) * 3 + 1


def several(word: str, frames: int) -> SeveralLooks:
    defence = defence_named(word)
    return SeveralLooks(defence, frames, defence)


@pytest.mark.parametrize("word", ["gaussian:scale=1", "laplace:snr=0", "gaussian:absolute=2"])
def test_four_frames_halve_the_noise_and_the_attacker_knows_it(word: str) -> None:
    tensor = dense()
    errors = []
    for frames in (1, 4):
        seen = several(word, frames)
        observed = seen.protect((tensor,), random(1))
        (ours,), (theirs,) = seen.comparable((tensor,), observed)
        left = (ours - theirs).square().sum((1, 2, 3)) / theirs.square().sum((1, 2, 3))
        assert seen.unexplained(observed).tolist() == pytest.approx(left.tolist(), rel=0.05)
        errors.append((observed[0] - tensor).std().item())
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.03)


def test_learned_noise_is_averaged_too(tmp_path: Path) -> None:
    tensor = dense()
    seen = several(noise(tmp_path, ramp((8, 30, 30)), ramp((8, 30, 30))), 9)
    observed = seen.protect((tensor,), random(1))
    (ours,), (theirs,) = seen.comparable((tensor,), observed)
    left = (ours - theirs).square().sum((1, 2, 3)) / theirs.square().sum((1, 2, 3))
    assert seen.unexplained(observed).tolist() == pytest.approx(left.tolist(), rel=0.1)


@pytest.mark.parametrize("rescale", ["true", "false"])
def test_a_value_is_missing_only_where_every_frame_dropped_it(rescale: str) -> None:
    tensor = dense()
    seen = several(f"dropout:share=0.5,rescale={rescale}", 3)
    (combined,) = seen.protect((tensor,), random(1))
    assert (combined == 0).float().mean().item() == pytest.approx(0.125, abs=0.01)
    factor = 1 / (1 - 0.125) if rescale == "true" else 1
    assert torch.allclose(combined[combined != 0], tensor[combined != 0] * factor)
    (ours,), (theirs,) = seen.comparable((tensor,), (combined,))
    assert (ours - theirs).square().sum() <= 0.01 * theirs.square().sum()


@pytest.mark.parametrize("word", ["none", "topk:share=0.2", "int8"])
def test_frames_that_are_alike_say_no_more(word: str) -> None:
    tensor = dense()
    one, many = (several(word, frames).protect((tensor,), random(1))[0] for frames in (1, 5))
    assert torch.allclose(one, many)
    assert torch.equal(one == 0, many == 0)


def test_whoever_does_not_know_the_defence_averages() -> None:
    tensor = dense()
    (seen,) = SeveralLooks(defence_named("dropout:share=0.5"), 4, UNPROTECTED).protect((tensor,), random(1))
    assert 0 < (seen / tensor).mean().item() < 0.6
