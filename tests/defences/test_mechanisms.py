"""What each defence does to features, and what of it can still be compared."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from keyhole.defences import DEFENCES, defence_named
from keyhole.wire.codecs import Int8Codec

SPECS = (
    "none",
    "gaussian:scale=0.5",
    "laplace:snr=10",
    "gaussian:absolute=2",
    "dropout:share=0.3",
    "dropout:share=0.3,rescale=true",
    "topk:share=0.1",
    "int8",
)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def features(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=random(seed)) * 3 + 1


def protect(spec: str, tensor: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return defence_named(spec).protect((tensor,), random(seed))[0]


def test_every_defence_is_among_those_tested():
    from_files = {"learned-noise", "channel-filter"}  # in test_learned.py
    assert {spec.partition(":")[0] for spec in SPECS} == set(DEFENCES) - from_files


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_features_keep_their_number_shapes_and_types(spec, dtype):
    seen = (features(2, 8, 4, 4).to(dtype), features(2, 5, 6).to(dtype), features(2, 16).to(dtype))
    defence = defence_named(spec)
    protected = defence.protect(seen, random())
    again = defence.protect(seen, random())
    assert [(tensor.shape, tensor.dtype) for tensor in protected] == [(t.shape, t.dtype) for t in seen]
    assert all(map(torch.equal, protected, again))


@pytest.mark.parametrize("spec", SPECS)
def test_pictures_of_a_batch_do_not_touch_each_other(spec):
    tensor = features(2, 8, 4, 4)
    louder = torch.stack([tensor[0], tensor[1] * 50])
    assert torch.allclose(protect(spec, tensor)[0], protect(spec, louder)[0])


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.startswith(("gauss", "lap", "drop"))])
def test_random_numbers_are_fresh_for_each_frame(spec):
    defence, generator, tensor = defence_named(spec), random(), features(1, 8, 8, 8)
    (first,), (second,) = (defence.protect((tensor,), generator) for _ in range(2))
    assert not torch.equal(first, second)
    assert not torch.equal(first == 0, second == 0) or not spec.startswith("drop")


@pytest.mark.parametrize("name", ["gaussian", "laplace"])
@given(snr=st.floats(-10, 30))
@settings(max_examples=10, deadline=None)
def test_noise_has_the_ratio_asked_for(name, snr):
    tensor = features(2, 100, 10, 10)
    noise = protect(f"{name}:snr={snr}", tensor) - tensor
    ratio = 10 * torch.log10(tensor.square().mean((1, 2, 3)) / noise.square().mean((1, 2, 3)))
    assert ratio.tolist() == pytest.approx([snr, snr], abs=0.3)
    assert (noise.mean() / noise.std()).abs() < 0.05


@pytest.mark.parametrize("name", ["gaussian", "laplace"])
def test_noise_has_the_deviation_asked_for(name):
    tensor = features(1, 100, 10, 10)
    relative, absolute = (protect(f"{name}:{text}", tensor) - tensor for text in ("scale=0.5", "absolute=0.5"))
    assert relative.std().item() == pytest.approx(1.5, rel=0.03)
    assert absolute.std().item() == pytest.approx(0.5, rel=0.03)


def test_laplace_has_the_longer_tails():
    tensor = torch.zeros(1, 100_000)
    for name, kurtosis in (("gaussian", 3), ("laplace", 6)):
        noise = protect(f"{name}:absolute=1", tensor)
        assert noise.pow(4).mean().item() == pytest.approx(kurtosis, rel=0.1)


@given(share=st.floats(0.001, 1), count=st.integers(1, 300))
@settings(max_examples=50, deadline=None)
def test_exactly_the_largest_are_kept(share, count):
    tensor = features(3, count)
    kept = protect(f"topk:share={share}", tensor)
    assert ((kept != 0).sum(1) == max(1, round(share * count))).all()
    assert torch.equal(kept[kept != 0], tensor[kept != 0])
    for row, left in zip(tensor.abs(), kept != 0, strict=True):
        assert row[left].min() >= row[~left].max() if (~left).any() else True


def test_a_tie_keeps_no_more_than_the_share():
    assert (protect("topk:share=0.25", torch.ones(1, 8)) != 0).sum() == 2


@pytest.mark.parametrize(("spec", "factor"), [("dropout:share=0.3", 1.0), ("dropout:share=0.3,rescale=true", 1 / 0.7)])
def test_dropout_drops_its_share_and_scales_the_rest(spec, factor):
    tensor = features(1, 100, 20, 20)
    dropped = protect(spec, tensor)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.allclose(dropped[dropped != 0], tensor[dropped != 0] * factor)


def test_int8_loses_what_the_codec_loses():
    tensor = features(1, 8, 4, 4)
    codec = Int8Codec()
    assert torch.equal(protect("int8", tensor), codec.decode(codec.encode(tensor), tensor.shape, tensor.dtype))


@pytest.mark.parametrize(
    "spec", ["none", "int8", "topk:share=0.2", "dropout:share=0.3", "dropout:share=0.5,rescale=true"]
)
def test_the_true_features_are_a_match(spec):
    """Of a dense tensor, no zero is the head's own; the truth then differs by nothing but rounding."""
    defence, tensor = defence_named(spec), features(2, 8, 32, 32)
    observed = defence.protect((tensor,), random(9))
    (ours,), (theirs,) = defence.comparable((tensor,), observed)
    assert ours.shape == theirs.shape == tensor.shape
    assert (ours - theirs).square().sum() <= 0.01 * theirs.square().sum()
    (other,), _ = defence.comparable((features(2, 8, 32, 32, seed=1),), observed)
    assert (other - theirs).square().sum() > 0.3 * theirs.square().sum()


def test_a_value_that_would_have_been_kept_cannot_be_where_none_was():
    defence, tensor = defence_named("topk:share=0.5"), torch.tensor([[4.0, -3.0, 2.0, 1.0]])
    observed = defence.protect((tensor,), random())
    candidate = torch.tensor([[4.0, -3.0, -3.5, 2.9]], requires_grad=True)
    (ours,), (theirs,) = defence.comparable((candidate,), observed)
    assert (ours - theirs)[0].tolist() == pytest.approx([0.0, 0.0, -0.8, 0.29])
    ours.square().sum().backward()
    assert candidate.grad is not None


def test_natural_zeros_of_a_head_weigh_by_how_likely_they_are():
    tensor = features(1, 50_000).sub(1).relu()  # half of them are zero
    defence = defence_named("dropout:share=0.5")
    observed = defence.protect((tensor,), random(9))
    (ours,), _ = defence.comparable((torch.ones_like(tensor),), observed)
    weight = ours[observed[0] == 0].square().mean().item()
    assert weight == pytest.approx(0.25 / 0.75, abs=0.02)


@pytest.mark.parametrize("spec", ["gaussian:scale=0.5", "laplace:snr=6", "gaussian:absolute=2"])
def test_the_noise_in_a_frame_is_known_from_the_frame(spec):
    defence, tensor = defence_named(spec), features(2, 100, 10, 10)
    observed = defence.protect((tensor,), random(9))
    (ours,), (theirs,) = defence.comparable((tensor,), observed)
    left = (ours - theirs).square().sum((1, 2, 3)) / theirs.square().sum((1, 2, 3))
    assert defence.unexplained(observed).tolist() == pytest.approx(left.tolist(), rel=0.05)
