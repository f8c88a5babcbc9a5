"""Attacks that take the frames of a clip together."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from keyhole.attacks.base import BlackBox, Budget, MismatchError, RunSettings
from keyhole.attacks.clip_recipes import ALGORITHM_2, CLIP_ATTACKS, CLIP_RECIPES, choose_for
from keyhole.attacks.features.alignment import AlongMotion
from keyhole.attacks.features.clip_training import ClipTrainedRecipe, apart, mixed
from keyhole.attacks.features.coupling import ClipMean
from keyhole.attacks.features.objective import cosine, fixed
from keyhole.attacks.features.training import DEFAULT_TRAINING, LATENT_TRAINING, PAPER_TRAINING, unet
from keyhole.attacks.features.variables import pixels as pixel_variable
from keyhole.attacks.features.white_box import OptimisedRecipe, OwnOracle
from keyhole.generators.pixels import Pixels
from keyhole.metrics import psnr
from keyhole.nn.clip_network import ClipNetwork
from keyhole.service.errors import UsageError
from tests.attacks.tiny import SIZE, frames, pictures, white_box


def last_of(recipe, known, seen, clip, iterations):
    return list(recipe.make(known, RunSettings(Budget(iterations), seed=3, clip=clip)).reconstruct(seen))[-1].pictures


def still(count: int, clip: int, seed: int = 0):
    """Clips in which nothing moves."""
    return pictures(count, seed).repeat_interleave(clip, 0)


def test_algorithm_2_step_by_step():
    known, clip = white_box(), 3
    assert (ALGORITHM_2.iterations, ALGORITHM_2.learning_rate, ALGORITHM_2.sampling_steps) == (1500, 0.1, 10)
    seen = frames(known, pictures(clip))
    got = last_of(OptimisedRecipe(ALGORITHM_2, pixel_variable), known, seen, clip, 4)

    start = Pixels(SIZE).start(clip, torch.Generator().manual_seed(3))
    latents = [one[None].clone().requires_grad_(True) for one in start]
    adam = torch.optim.Adam(latents, lr=0.1)
    for _ in range(4):
        adam.zero_grad()
        mean = sum(latents) / clip
        total = torch.zeros(())
        for one, frame in zip(latents, seen, strict=True):
            total = total + ((known.head(known.normalise(one)) - frame.tensors[0]) ** 2).sum()
            total = total + ((one.diff(dim=2) ** 2).sum() + (one.diff(dim=3) ** 2).sum()) / SIZE**2
            total = total + 5.0 * ((one - mean) ** 2).sum()
        total.backward()
        adam.step()
    assert torch.allclose(got, torch.cat(latents).detach().clamp(0, 1), atol=1e-4)


def test_the_mean_is_of_the_latents_before_they_are_normalised():
    # latents that differ in scale and place alone are one latent once normalised, and are drawn together all the same
    one = torch.randn(1, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    term = ClipMean(2, weight=1.0)
    assert term(torch.cat([one, 3 * one + 1]), torch.empty(0), 0.0).sum() > 1


def test_the_frames_of_other_clips_stay_apart():
    known, clip = white_box(), 2
    seen = frames(known, pictures(4))
    recipe = OptimisedRecipe(replace(ALGORITHM_2, coupling=partial(ClipMean, weight=5.0)), pixel_variable)
    both = last_of(recipe, known, seen, clip, 10)
    changed = last_of(recipe, known, [*seen[:2], *frames(known, pictures(2, seed=9))], clip, 10)
    assert torch.allclose(both[:2], changed[:2], atol=1e-4)
    assert not torch.allclose(both[2:], changed[2:], atol=1e-2)


def test_frames_that_are_no_whole_clips_are_refused():
    known = white_box()
    with pytest.raises(ValueError, match="3 frames are no whole number of clips of 2"):
        last_of(OptimisedRecipe(ALGORITHM_2, pixel_variable), known, frames(known, pictures(3)), 2, 1)


def test_frames_of_a_moving_clip_are_tied_along_the_motion():
    random = torch.Generator().manual_seed(0)
    wide = torch.nn.functional.interpolate(
        torch.rand(1, 3, 12, 16, generator=random), (48, 64), mode="bicubic", align_corners=False
    ).clamp(0, 1)
    clip = torch.cat([wide[..., at : at + 48] for at in (0, 2, 4, 6)])
    along, together = AlongMotion(4, weight=1.0, first=0.0), ClipMean(4, weight=1.0, averaged=True)
    assert along(clip, clip, 0.0).max() < 0.2 * (clip[0] - clip[1]).square().sum(0).sqrt().mean()
    assert together(clip, clip, 0.0).min() > 0
    spoiled = clip.clone()
    spoiled[1, :, 20:28, 20:28] = 1.0
    assert along(spoiled, spoiled, 0.01)[1] > 2 * along(clip, clip, 0.01)[1]


def test_the_motion_is_estimated_when_pictures_have_taken_shape():
    term = AlongMotion(2, weight=1.0, first=0.5)
    shown = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    assert term(shown, shown, 0.49).sum() == 0
    (gradient,) = torch.autograd.grad(term(shown, shown, 0.5).sum(), shown)
    assert gradient.abs().sum() > 0


def test_what_frames_differ_in_shrinks_as_the_quadratic_says():
    # features that are the picture: the minimum of 16·Σ‖x_k − z_k‖² + λ·Σ‖x_k − x̄‖² is known in closed form
    known, clip, weight = white_box(torch.nn.Identity()), 4, 80.0
    noise = 0.05 * torch.randn(clip, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    noisy = still(1, clip) * 0.6 + 0.2 + noise
    settings = replace(ALGORITHM_2, learning_rate=0.05, weight=fixed(0.0), rate=cosine)
    settings = replace(settings, coupling=partial(ClipMean, weight=weight))
    got = last_of(OptimisedRecipe(settings, pixel_variable), known, frames(known, noisy), clip, 200)
    mean = noisy.mean(0, keepdim=True)
    assert torch.allclose(got, (mean + (noisy - mean) / (1 + weight / 16)).clamp(0, 1), atol=5e-3)


def black_box(known, shown):
    def clips(length):
        while True:
            yield from shown.unflatten(0, (-1, length))

    random = torch.Generator().manual_seed(0)
    return BlackBox(OwnOracle(known, random), iter(()), SIZE, clips=clips)


def test_a_black_box_learns_clips():
    known, clip = white_box(), 2
    training = replace(DEFAULT_TRAINING, first=16, averaging=0.0, publish=10)
    recipe = ClipTrainedRecipe(training, pixel_variable)
    attack = recipe.make(black_box(known, pictures(16)), RunSettings(Budget(1), clip=clip))
    attack.train(80)
    seen = frames(known, pictures(4, seed=2))
    (made,) = attack.reconstruct(seen)
    assert made.pictures.shape == (4, 3, SIZE, SIZE)
    assert psnr(made.pictures, pictures(4, seed=2)).mean() > 15
    with pytest.raises(MismatchError, match="3 frames are no whole number of clips of 2"):
        list(attack.reconstruct(seen[:3]))


def test_a_network_of_clips_begins_as_that_of_single_frames():
    shapes, clip = [(12, 8, 8)], 3
    with torch.random.fork_rng():
        torch.manual_seed(0)
        together = mixed([(clip, *shapes[0])], (clip, 4, 8, 8), unet).eval()
    payload = torch.rand(2, clip, 12, 8, 8)
    with torch.no_grad():
        made = together(payload)
        alone = together.shared(payload.flatten(0, 1)).unflatten(0, (2, clip))
        assert torch.allclose(made, alone, atol=1e-5)
        together.mixing.weight[0, 12] = 1.0  # the first frame's first map now gets the second frame's besides
        assert not torch.allclose(together(payload)[:, 0], alone[:, 0])
        assert torch.allclose(together(payload)[:, 1:], alone[:, 1:], atol=1e-5)


def test_the_mixing_is_a_product_of_matrices_at_each_place():
    network = ClipNetwork([(2, 3, 4, 4)], (2, 3, 4, 4), unet).eval()
    torch.nn.init.normal_(network.mixing.weight)
    torch.nn.init.normal_(network.mixing.bias)
    payload, seen = torch.rand(1, 2, 3, 4, 4), []
    network.shared.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(payload)
    stack = payload[0].reshape(6, 16)
    product = network.mixing.weight[:, :, 0, 0] @ stack + network.mixing.bias[:, None]
    assert torch.allclose(seen[0], product.reshape(2, 3, 4, 4), atol=1e-5)


@pytest.mark.parametrize("channels", [16, 128])
def test_the_network_without_mixing_is_as_large_and_keeps_frames_apart(channels):
    shapes, output = [(4, channels, 16, 16)], (4, 24, 16, 16)
    together, without = mixed(shapes, output, unet), apart(shapes, output, unet).eval()
    sizes = [sum(weight.numel() for weight in each.parameters()) for each in (together, without)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.002)
    payload = torch.rand(1, *shapes[0])
    changed = payload.clone()
    changed[:, 1] = 0
    with torch.no_grad():
        before, after = without(payload), without(changed)
    assert torch.equal(before[:, [0, 2, 3]], after[:, [0, 2, 3]])
    assert not torch.equal(before[:, 1], after[:, 1])


def test_the_papers_black_box_learns_from_as_many_frames():
    recipe = ClipTrainedRecipe(PAPER_TRAINING, pixel_variable)
    training = recipe._of_clips(PAPER_TRAINING, 4)
    assert (training.first, training.batch, training.steps, recipe.steps()) == (1024, 32, 3072, 3072)
    assert ClipTrainedRecipe(LATENT_TRAINING, pixel_variable)._of_clips(LATENT_TRAINING, 4).batch == 4


def test_recipes_for_clips_want_clips():
    (chosen,) = choose_for(("diffusion-white/clip-paper",), "strong", clip=4)
    assert (chosen.name, chosen.recipe.settings) == ("diffusion-white-clip-paper", ALGORITHM_2)
    with pytest.raises(UsageError, match=r"recipe clip-paper of diffusion-white/clip-paper takes .* --clip 4"):
        choose_for(("diffusion-white/clip-paper",), "strong", clip=1)
    with pytest.raises(UsageError, match="recipe clip of pixels-white takes"):
        choose_for(("pixels-white",), "clip", clip=1)
    assert all(set(recipes) < set(CLIP_ATTACKS[attack].recipes) for attack, recipes in CLIP_RECIPES.items())
