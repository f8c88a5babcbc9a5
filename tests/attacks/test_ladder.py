"""The ladder: every frame at once by the network, the newest one refined, over one network."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
import torch

from keyhole.attacks import FLOOR
from keyhole.attacks.base import Access, BlackBox, Budget, RunSettings, Watch
from keyhole.attacks.blind_knowledge import Blind
from keyhole.attacks.features.guided import Guidance, GuidedRecipe
from keyhole.attacks.features.objective import REFINING
from keyhole.attacks.features.refined import LadderRecipe
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.registry import ATTACKS, LADDERS, ONLINE
from keyhole.generators.diffusion import Denoised
from tests.adversary.servers import Monitor, Oracle, Tapped
from tests.adversary.test_process import page, port, running, seen, serving, settings, victim  # noqa: F401
from tests.attacks.test_latent_black_box import Oracle as LocalOracle
from tests.attacks.test_refined import TRAINING, known, public
from tests.attacks.test_refined import WAY as REFINED
from tests.attacks.tiny import SIZE, frames, pictures, white_box
from tests.priors.tiny_priors import tiny
from tests.waiting import wait_until

WAY = replace(REFINED, settings=replace(REFINING, iterations=20))


def climb(way, stack, oracle, folder=None, training=30):
    """The two rungs over a tiny head, the network trained on the test's own thread."""
    box = known(folder)
    access = Access(
        lambda: box, lambda: BlackBox(oracle, public(), SIZE, box.prior), lambda: Blind(public, SIZE, box.prior)
    )
    steps = {"amortised": 0, "refined": 0}

    def terms(rung: str) -> RunSettings:
        def stepped() -> None:
            steps[rung] += 1

        return RunSettings(Budget(20), watch=Watch(0.0, stepped), training=training)

    return LadderRecipe(way).rungs(access, terms, stack), steps


def test_the_second_rung_starts_where_the_first_one_ends():
    truth, oracle = pictures(3, seed=1), LocalOracle()
    seen_frames = frames(white_box(), truth)
    with ExitStack() as stack:
        (quick, thorough), steps = climb(WAY, stack, oracle)
        wait_until(lambda: steps["amortised"] == 30)
        (first,) = quick.attack.reconstruct(seen_frames)
        estimates = list(thorough.attack.reconstruct(seen_frames))
    assert (quick.name, quick.knowledge, thorough.name, thorough.knowledge) == (
        "amortised",
        "black box",
        "refined",
        "white box",
    )
    outline = LadderRecipe(WAY).outline()
    assert [(one.name, one.knowledge) for one in outline] == [(one.name, one.knowledge) for one in (quick, thorough)]
    assert [one.training for one in outline] == [WAY.first.steps(), 0]
    assert quick.together > 1
    assert (thorough.together, thorough.waiting) == (1, 1)
    assert first.final
    assert torch.allclose(estimates[0].pictures, first.pictures, atol=1e-6)
    assert estimates[-1].loss < estimates[0].loss
    assert steps["refined"] == 20


def test_the_network_learns_from_the_oracle_alone():
    """The white rung knows the head, but what is learned comes from answers: without any there is no picture."""
    oracle = LocalOracle()
    with ExitStack() as stack:
        _, steps = climb(WAY, stack, oracle, training=5)
        wait_until(lambda: steps["amortised"] == 5)
    assert oracle.asked >= TRAINING.first


def test_a_sampler_may_come_last(tmp_path):
    way = replace(WAY, last=GuidedRecipe(Guidance(steps=4, recurrences=1, strength=0.5)))
    with ExitStack() as stack:
        (_, thorough), steps = climb(way, stack, LocalOracle(), tiny(tmp_path, channels=3), training=5)
        wait_until(lambda: steps["amortised"] == 5)
        *_, last = thorough.attack.reconstruct(frames(white_box(), pictures(1)))
    assert last.passes == 2


def test_what_the_network_leaves_to_a_denoiser_is_denoised_on_both_rungs(tmp_path):
    truth, folder = pictures(2, seed=1), tiny(tmp_path, channels=3)
    first = TrainedRecipe(TRAINING, lambda box, steps: Denoised(box.prior(), SIZE, steps), samples=True)
    with ExitStack() as stack:
        way = replace(WAY, first=replace(first, training=replace(TRAINING, sampling_steps=2)))
        (quick, thorough), steps = climb(way, stack, LocalOracle(), folder, training=5)
        wait_until(lambda: steps["amortised"] == 5)
        seen_frames = frames(white_box(), truth)
        (answer,) = quick.attack.reconstruct(seen_frames)
        start, *_, last = thorough.attack.reconstruct(seen_frames)
    assert torch.allclose(start.pictures, answer.pictures, atol=1e-6)
    assert (answer.passes, start.passes, last.passes) == (2, 2, 2)


def test_ladders_are_for_frames_that_come():
    assert set(ONLINE) == {*ATTACKS, *LADDERS, FLOOR}
    for ladder in LADDERS.values():
        assert {recipe.steps() for recipe in ladder.recipes.values()} == {REFINING.iterations}


@pytest.fixture
def climbing(settings, tmp_path):  # noqa: F811
    folder = tiny(tmp_path / "prior")
    return replace(settings, attacks=("decoder-ladder",), prior=str(folder), budget_seconds=1.0, device="cpu")


def test_every_frame_is_answered_and_the_newest_refined(climbing, victim):  # noqa: F811
    cloud, monitor = Tapped(), Monitor()
    target, partition = victim
    oracle = Oracle(replace(white_box(partition.head), normalise=target.preprocess.normalise))
    with (
        serving(
            cloud.serve(port(climbing.cloud)),
            oracle.serve(port(climbing.oracle)),
            monitor.serve(port(climbing.referee)),
        ),
        running(climbing),
    ):
        wait_until(lambda: cloud.subscribers)
        cloud.publish(*(seen(victim, f"edge-{number}", seed=number) for number in range(4)))

        def finals(rung: str) -> set[str]:
            return {one.frame_id for one in monitor.got if one.final and one.rung == rung}

        wait_until(lambda: len(finals("amortised")) == 4 and finals("refined"))
        wait_until(lambda: 'rung="refined"' in page(climbing))
        text = page(climbing)
        cloud.end()
    assert {(one.attack, one.recipe) for one in monitor.got} == {("decoder-ladder", "strong")}
    assert {(one.rung, one.knowledge) for one in monitor.got} == {("amortised", "black box"), ("refined", "white box")}
    for rung in ("amortised", "refined"):
        assert f'keyhole_attack_iterations_total{{attack="decoder-ladder",rung="{rung}"}}' in text
        assert f'keyhole_queue_depth{{queue="decoder-ladder.{rung}"}}' in text
