"""Schedules: which timesteps are visited, where they lead, and what is refused."""

from __future__ import annotations

import json
from types import SimpleNamespace

import diffusers
import pytest
import torch
from torch import nn

from keyhole.priors.denoiser import Denoiser, ddim_sample
from keyhole.priors.prior import load_prior
from keyhole.priors.schedule import Schedule, read_schedule
from keyhole.service.errors import UsageError
from tests.priors.tiny_priors import tiny


class Exact(nn.Module):
    """What the best U-Net of a prediction says where clean latents are N(1, 0.5)."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    def forward(self, latents, timestep):
        alpha = self.schedule.alphas_cumprod[timestep]
        clean = 1 + 0.25 * alpha**0.5 / (0.25 * alpha + 1 - alpha) * (latents - alpha**0.5)
        noise = (latents - alpha**0.5 * clean) / (1 - alpha) ** 0.5
        outputs = {
            "sample": clean,
            "epsilon": noise,
            "v_prediction": alpha**0.5 * noise - (1 - alpha) ** 0.5 * clean,
        }
        return SimpleNamespace(sample=outputs[self.schedule.prediction])


SPACED = [
    {},
    {"steps_offset": 1},
    {"steps_offset": 1, "set_alpha_to_one": False},
    {"timestep_spacing": "linspace"},
    {"timestep_spacing": "linspace", "set_alpha_to_one": False},
    {"timestep_spacing": "trailing"},
]
BETAS = [{}, {"beta_schedule": "scaled_linear"}, {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 60}]
TRAINED = [
    *({"prediction_type": name, **betas} for name in ("epsilon", "v_prediction", "sample") for betas in BETAS),
    *({"prediction_type": name, "rescale_betas_zero_snr": True} for name in ("v_prediction", "sample")),
]


@pytest.mark.parametrize("spaced", SPACED)
@pytest.mark.parametrize("trained", TRAINED)
def test_an_exact_denoiser_leads_to_the_mean_of_what_it_knows(trained, spaced):
    schedule = read_schedule({"clip_sample": False, **spaced, **trained})
    model = Denoiser(Exact(schedule), schedule, channels=1, multiple=1)
    shares = (torch.arange(2000) + 0.5) / 2000
    noise = torch.distributions.Normal(0, 1).icdf(shares).reshape(1, 1, 40, 50)
    spreads = []
    for count in (1, 2, 3, 7, 20, 50):
        steps = schedule.steps(count)
        made = ddim_sample(model, noise, steps)
        assert 1 - float(steps[0].alpha) ** 0.5 - 2e-3 <= float(made.mean()) <= 1 + 2e-3
        spreads.append(float(made.std()))
    assert spreads == sorted(spreads)
    assert spreads[-1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("count", "before"), [(3, 0.76), (20, 0.97)])
def test_linspace_steps_to_the_next_timestep_and_not_by_the_trained_over_the_count(count, before):
    schedule = read_schedule({"clip_sample": False, "timestep_spacing": "linspace"})
    model = Denoiser(Exact(schedule), schedule, channels=1, multiple=1)
    steps = schedule.steps(count)
    assert [step.previous for step in steps[:-1]] == [step.alpha for step in steps[1:]]
    assert float(ddim_sample(model, torch.zeros(1, 1, 1, 1), steps)) > max(before + 0.02, 0.995)


@pytest.mark.parametrize("trained", [1, 7, 60, 1000])
@pytest.mark.parametrize("spaced", SPACED)
def test_every_number_of_steps_visits_as_many_timesteps(trained, spaced):
    schedule = read_schedule({"num_train_timesteps": trained, **spaced})
    theirs = diffusers.DDIMScheduler(**{"num_train_timesteps": trained, **spaced})
    for count in range(1, trained + 1 - spaced.get("steps_offset", 0)):
        visited = [step.timestep for step in schedule.steps(count)]
        assert len(visited) == count
        assert visited == sorted(set(visited), reverse=True)
        assert 0 <= visited[-1] <= visited[0] < trained
        if count > 1:
            theirs.set_timesteps(count)
            assert visited == theirs.timesteps.tolist()[:count]


def test_one_step_begins_where_there_is_nothing_but_noise():
    for spacing in ("leading", "linspace", "trailing"):
        assert [step.timestep for step in read_schedule({"timestep_spacing": spacing}).steps(1)] == [999]


@pytest.mark.parametrize("count", [0, 1001])
def test_more_steps_than_timesteps_are_refused(count):
    with pytest.raises(UsageError, match=f"--sampling-steps {count}: this prior has 1000 timesteps"):
        read_schedule({}).steps(count)


def test_steps_that_an_offset_pushes_off_the_end_are_refused():
    with pytest.raises(UsageError, match="this prior has 1000 timesteps, of which it begins 1 later"):
        read_schedule({"steps_offset": 1}).steps(1000)


@pytest.mark.parametrize(("share", "count", "visited"), [(0.3, 1, [300]), (0.3, 2, [300, 150]), (0.002, 3, [2, 1, 0])])
def test_a_sampler_can_begin_on_the_way(share, count, visited):
    schedule = read_schedule({})
    plan = schedule.steps_from(share, count)
    assert [step.timestep for step in plan] == visited
    assert [step.alpha for step in plan] == [schedule.alphas_cumprod[timestep] for timestep in visited]
    assert [step.previous for step in plan] == [*(step.alpha for step in plan[1:]), schedule.final_alpha]


@pytest.mark.parametrize("count", [0, 4])
def test_more_steps_than_are_left_on_the_way_are_refused(count):
    with pytest.raises(UsageError, match=f"--sampling-steps {count}: there are 3 timesteps from where"):
        read_schedule({}).steps_from(0.002, count)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 1.0}, "FlowMatch.*expected one with betas"),
        ({"_class_name": "DDIMScheduler", "beta_schedule": "linear", "thresholding": True}, "not thresholding"),
        ({"beta_schedule": "linear", "prediction_type": "flow"}, "predicts flow: expected one of epsilon"),
        ({"beta_schedule": "linear", "timestep_spacing": "even"}, "is even: expected one of leading, linspace"),
        ({"beta_schedule": "square"}, "no betas can be made .*square"),
        ({"trained_betas": [0.1, 1.5]}, "at timestep 1 of 2 ᾱ is -0.45, where"),
        (
            {"beta_schedule": "linear", "rescale_betas_zero_snr": True},
            "at timestep 999 of 1000 ᾱ is 0, where a U-Net that predicts epsilon says nothing of the picture",
        ),
        (
            {"beta_schedule": "linear", "beta_start": 0.0, "prediction_type": "sample"},
            "at timestep 0 of 1000 ᾱ is 1, where a U-Net that predicts sample says nothing of the noise",
        ),
    ],
)
def test_schedules_that_cannot_be_read_are_refused(tmp_path, schedule, message):
    tiny(tmp_path)
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(json.dumps(schedule))
    with pytest.raises(UsageError, match=message):
        _ = load_prior(str(tmp_path)).denoiser


@pytest.mark.parametrize("kind", ["HeunDiscreteScheduler", "PNDMScheduler", "DDPMScheduler"])
def test_what_a_schedule_leaves_open_is_as_its_class_has_it(tmp_path, kind):
    tiny(tmp_path)
    file = tmp_path / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({"_class_name": kind, "beta_schedule": "linear"}))
    schedule = load_prior(str(tmp_path)).denoiser.schedule
    theirs = getattr(diffusers, kind)()
    assert torch.equal(schedule.alphas_cumprod, theirs.alphas_cumprod)
    assert schedule.prediction == theirs.config.prediction_type
    first = {"linspace": 999, "leading": 950}[theirs.config.timestep_spacing]
    steps = schedule.steps(20)
    assert steps[0].timestep == first
    assert (steps[-1].previous == 1) == theirs.config.get("set_alpha_to_one", True)
    assert schedule.clip is None
