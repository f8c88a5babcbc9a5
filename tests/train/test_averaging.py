import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from keyhole.train.optimisation import warming_average


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
