"""The loop itself, on a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from keyhole.train.loop import Round, TrainingPlan, run_plan
from keyhole.train.optimisation import Optimisation, one_cycle, warming_average

HOW = {"learning_rate": 0.1, "weight_decay": 0.01, "optimiser": "sgd", "warm_up": 0.3, "clip": 0.5}


class Line(TrainingPlan):
    """Learns y = 3x; its batches are points that depend on the step alone."""

    def __init__(self, **how) -> None:
        torch.manual_seed(0)
        self.module, self.steps, self.every = nn.Linear(1, 1), 7, 3
        self.optimisation = Optimisation(**{**HOW, **how})
        self.asked: list[tuple[int, int]] = []
        self.rounds: list[Round] = []

    def batches(self, first: int, last: int) -> Iterator[Tensor]:
        self.asked.append((first, last))
        for step in range(first, last):
            yield points(step)

    def losses(self, module: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
        error = module(batch) - 3 * batch
        return {"square": error.square().mean(), "mean": error.mean().abs()}

    def report(self, module: nn.Module, done: Round) -> str:  # noqa: ARG002
        self.rounds.append(done)
        return f"{done.steps} of 7"


def points(step: int) -> Tensor:
    return torch.randn(5, 1, generator=torch.Generator().manual_seed(step))


def by_hand(ema: float | None) -> tuple[nn.Module, list[float]]:
    """The same in so many words."""
    torch.manual_seed(0)
    line, seen = nn.Linear(1, 1), []
    groups = [{"params": [line.weight], "weight_decay": 0.01}, {"params": [line.bias], "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=7, pct_start=0.3)
    average = None
    for step in range(7):
        error = line(points(step)) - 3 * points(step)
        square, mean = error.square().mean(), error.mean().abs()
        optimiser.zero_grad()
        (square + mean).backward()
        torch.nn.utils.clip_grad_norm_(line.parameters(), 0.5)
        optimiser.step()
        schedule.step()
        seen.append(float(square.detach()))
        now = torch.cat([line.weight.detach().flatten(), line.bias.detach()])
        if average is None or ema is None:
            average = now
        else:
            decay = min(ema, (1 + step) / (10 + step))
            average = decay * average + (1 - decay) * now
    with torch.no_grad():
        line.weight.fill_(average[0])
        line.bias.fill_(average[1])
    return line, seen


@pytest.mark.parametrize("ema", [None, 0.8])
def test_the_loop_does_what_is_written_out_by_hand(tmp_path: Path, ema: float | None, capsys) -> None:
    training = Line(ema=ema)
    learned = run_plan(training, tmp_path)
    expected, seen = by_hand(ema)
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(learned.state_dict()[name], value)
    assert training.asked == [(0, 3), (3, 6), (6, 7)]
    assert [done.steps for done in training.rounds] == [3, 6, 7]
    means = [sum(part) / len(part) for part in (seen[:3], seen[3:6], seen[6:])]
    assert [done.losses["square"] for done in training.rounds] == pytest.approx(means)
    assert "6 of 7" in capsys.readouterr().out


class KilledError(Exception):
    pass


class Killed(Line):
    """Ends when it is asked for a round that starts late."""

    def batches(self, first: int, last: int) -> Iterator[Tensor]:
        if first >= 4:
            raise KilledError
        return super().batches(first, last)


@pytest.mark.parametrize("ema", [None, 0.8])
def test_a_stopped_run_goes_on_and_a_finished_one_is_not_run_again(tmp_path: Path, ema: float | None) -> None:
    with pytest.raises(KilledError):
        run_plan(Killed(ema=ema), tmp_path)
    for asked in ([(6, 7)], []):
        training = Line(ema=ema)
        learned = run_plan(training, tmp_path)
        assert training.asked == asked
        for name, value in by_hand(ema)[0].state_dict().items():
            torch.testing.assert_close(learned.state_dict()[name], value)


def test_a_run_goes_on_within_a_round_when_rounds_are_of_another_length(tmp_path: Path) -> None:
    stopped = Killed()
    stopped.every = 4
    with pytest.raises(KilledError):
        run_plan(stopped, tmp_path)
    training = Line()
    learned = run_plan(training, tmp_path)
    assert training.asked == [(3, 6), (6, 7)], "whole rounds, of which what is done is left out"
    for name, value in by_hand(None)[0].state_dict().items():
        torch.testing.assert_close(learned.state_dict()[name], value)


@pytest.mark.parametrize(
    ("steps", "warm_up", "peak"), [(10, 0.1, 1), (20, 0.1, 1), (40, 0.25, 9), (1, 0.1, 0), (2, 0.5, 1)]
)
def test_a_rise_of_any_length_ends_at_the_peak(steps: int, warm_up: float, peak: int) -> None:
    moved = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = one_cycle(moved, 0.5, warm_up, steps)
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        moved.step()
        if len(rates) < steps:
            schedule.step()
    assert rates.index(max(rates)) == peak
    assert steps < 10 or max(rates) == pytest.approx(0.5)


class Scaled(Line):
    """A convolution of so many channels learns to double pictures; remembers how what it got lies in memory."""

    def __init__(self, channels: int) -> None:
        super().__init__(optimiser="adamw", clip=None)
        self.module, self.steps = nn.Conv2d(channels, channels, 3, padding=1), 2
        self.channels = channels
        self.seen: set[tuple[bool, bool]] = set()

    def batches(self, first: int, last: int) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(first, last):
            yield torch.rand(2, self.channels, 4, 4), torch.arange(2)

    def losses(self, module: nn.Module, batch: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
        self.seen |= {(module.weight.is_contiguous(), batch[0].is_contiguous())}
        return {"square": (module(batch[0]) - 2 * batch[0]).square().mean()}


@pytest.mark.parametrize(("channels", "contiguous"), [(4, True), (16, False)])
def test_weights_and_batches_of_narrow_networks_are_contiguous(tmp_path: Path, channels: int, contiguous: bool) -> None:
    training = Scaled(channels)
    run_plan(training, tmp_path)
    assert training.seen == {(contiguous, contiguous)}


def averaged(values: list[float], decay: float) -> float:
    model = nn.Linear(1, 1, bias=False)
    average = AveragedModel(model, multi_avg_fn=warming_average(decay))
    for value in values:
        with torch.no_grad():
            model.weight.fill_(value)
        average.update_parameters(model)
    return float(average.module.weight.detach())


def test_the_decay_grows_to_its_limit() -> None:
    values = [5.0, 1.0, 2.0, -4.0, 3.0]
    expected = values[0]
    for steps, value in enumerate(values[1:], start=1):
        decay = min(0.3, (1 + steps) / (10 + steps))
        expected = decay * expected + (1 - decay) * value
    assert abs(averaged(values, 0.3) - expected) < 1e-6
    assert (1 + 3) / (10 + 3) > 0.3 > (1 + 2) / (10 + 2)


def test_a_short_training_forgets_its_start() -> None:
    assert averaged([100.0, *[1.0] * 60], 0.998) < 1.01
