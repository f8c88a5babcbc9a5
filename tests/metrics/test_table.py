import pytest
import torch

from keyhole.metrics import METRICS

PICTURE_METRICS = [name for name, metric in METRICS.items() if metric.scope == "picture" and metric.weights is None]


@pytest.mark.parametrize("name", PICTURE_METRICS)
def test_the_better_direction_is_the_one_of_less_noise(name, photographs, degraded):
    metric, truth = METRICS[name], photographs(3, 64)
    good, bad = (metric.function(degraded(truth, strength), truth) for strength in (0.02, 0.2))
    assert good.shape == bad.shape == (3,)
    assert (good > bad).all() if metric.better == "higher" else (good < bad).all()


def test_metrics_that_need_no_weights_are_always_available():
    assert len(PICTURE_METRICS) == 11
    assert all(METRICS[name].available for name in PICTURE_METRICS)


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        METRICS["psnr"] = METRICS["ssim"]


def test_names_are_told_apart():
    assert len({metric.name for metric in METRICS.values()}) == len(METRICS)
    assert len({metric.function for metric in METRICS.values()}) == len(METRICS)


@pytest.mark.parametrize("name", PICTURE_METRICS)
def test_double_precision_agrees(name, photographs, degraded):
    truth = photographs(1, 64)
    reconstruction = degraded(truth, 0.1)
    function = METRICS[name].function
    exact = function(reconstruction.double(), truth.double())
    assert torch.allclose(function(reconstruction, truth).double(), exact.double(), rtol=1e-4)
