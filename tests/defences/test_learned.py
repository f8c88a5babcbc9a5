"""Mechanisms that were trained, from their files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from keyhole.defences import Defence, defence_named, spelled
from keyhole.defences.channel_filter import CHANNEL_FILTER, Filter, stored_filter
from keyhole.defences.learned_noise import LEARNED_NOISE, NoiseTable, stored_noise
from keyhole.defences.mechanism_file import MECHANISM, write_mechanism
from keyhole.defences.noise import NUMBERS
from keyhole.nn.channel_scores import ChannelScores
from keyhole.service.errors import UsageError


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(folder: Path, deviation: torch.Tensor, location: torch.Tensor, distribution: str = "laplace") -> str:
    table = NoiseTable(location, deviation, NUMBERS[distribution])
    write_mechanism(stored_noise([table], distribution), LEARNED_NOISE, folder / MECHANISM)
    return f"{LEARNED_NOISE}:file={folder / MECHANISM}"


def channel_filter(folder: Path, shape: tuple[int, ...], kept: int) -> str:
    torch.manual_seed(0)
    write_mechanism(stored_filter(Filter(ChannelScores(shape), kept, shape)), CHANNEL_FILTER, folder / MECHANISM)
    return f"{CHANNEL_FILTER}:file={folder / MECHANISM}"


def ramp(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.linspace(0, 3, torch.Size(shape).numel()).view(shape)


@pytest.mark.parametrize("distribution", ["laplace", "gaussian"])
def test_every_value_has_its_own_noise(tmp_path: Path, distribution: str) -> None:
    shape = (4, 3, 3)
    location, deviation = ramp(shape) - 1, ramp(shape)
    defence = defence_named(word := noise(tmp_path, deviation, location, distribution))
    assert spelled(word) == word
    tensor = torch.randn(1, *shape, generator=random(1)).expand(20_000, -1, -1, -1)
    (noisy,) = defence.protect((tensor,), random())
    drawn = noisy - tensor
    assert torch.allclose(drawn.mean(0), location, atol=0.1)
    assert torch.allclose(drawn.std(0), deviation, atol=0.1)
    kurtosis = {"laplace": 6, "gaussian": 3}[distribution]
    assert ((drawn - location) / deviation.clamp_min(1e-6))[:, 1:].pow(4).mean().item() == pytest.approx(
        kurtosis, rel=0.1
    )
    (half,) = defence.protect((tensor[:2].half(),), random())
    assert (half.shape, half.dtype) == ((2, *shape), torch.float16)


def test_an_attacker_looks_where_the_noise_is_faint(tmp_path: Path) -> None:
    shape = (2, 16, 16)
    deviation = torch.stack([torch.full(shape[1:], 0.01), torch.full(shape[1:], 10.0)])
    defence = defence_named(noise(tmp_path, deviation, torch.full(shape, 2.0), "gaussian"))
    tensor = torch.randn(4, *shape, generator=random(1))
    observed = defence.protect((tensor,), random())
    (ours,), (theirs,) = defence.comparable((tensor,), observed)
    assert torch.allclose(ours[:, 0], theirs[:, 0], atol=0.1)
    assert (ours[:, 1].std() / ours[:, 0].std()) < 0.25
    left = (ours - theirs).square().sum((1, 2, 3)) / theirs.square().sum((1, 2, 3))
    assert defence.unexplained(observed).tolist() == pytest.approx(left.tolist(), rel=0.2)


@pytest.mark.parametrize("shape", [(8, 4, 4), (4, 4, 8), (10, 8), (8,)])
def test_a_filter_sends_as_many_channels_as_it_may(tmp_path: Path, shape: tuple[int, ...]) -> None:
    defence = defence_named(channel_filter(tmp_path, shape, kept=3))
    tensor = torch.randn(20, *shape, generator=random(1))
    (sent,) = defence.protect((tensor,), random())
    axis = 1 + shape.index(8)
    leaves = (sent != 0).movedim(axis, 1).reshape(20, 8, -1)
    assert (leaves.all(2) == leaves.any(2)).all()
    assert (leaves.any(2).sum(1) == 3).all()
    assert len({tuple(row.tolist()) for row in leaves.any(2)}) > 1
    assert torch.equal(sent[sent != 0], tensor[sent != 0])
    (ours,), (theirs,) = defence.comparable((tensor,), (sent,))
    assert torch.equal(ours, theirs)
    (other,), _ = defence.comparable((torch.flip(tensor, (0,)),), (sent,))
    assert torch.equal(other == 0, sent == 0)


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read .*; `keyhole train defence` writes it; settings of learned"):
        defence_named(f"learned-noise:file={tmp_path}/none")
    word = noise(tmp_path, ramp((4,)), ramp((4,)))
    with pytest.raises(UsageError, match=r"expected a channel-filter that .* wrote, got learned-noise"):
        defence_named(word.replace(LEARNED_NOISE, CHANNEL_FILTER))
    defence: Defence = defence_named(word)
    with pytest.raises(UsageError, match=r"is for features of 4, got 2×2, 4: another cut, size or target\?"):
        defence.protect((torch.zeros(1, 2, 2), torch.zeros(1, 4)), random())
    with pytest.raises(UsageError, match="a setting is missing"):
        defence_named("channel-filter")
