import pytest
import torch

from keyhole.metrics import METRICS, Metric, MissingWeightsError, metric_named, metrics_named
from keyhole.metrics.registry import ALEXNET, DEFAULT, INCEPTION, SHIFT_TOLERANT
from keyhole.service.errors import UsageError

PICTURE_METRICS = [name for name, metric in METRICS.items() if metric.scope == "picture" and metric.weights is None]
FILES = {ALEXNET: "backbone", INCEPTION: "weights", SHIFT_TOLERANT: "packaged"}
OWN = """
from keyhole.metrics import Metric

darkness = Metric("anything", "Darkness", lambda made, truth: made.mean(dim=(1, 2, 3)) - truth.mean(), "lower")
"""


@pytest.mark.parametrize("name", PICTURE_METRICS)
def test_the_better_direction_is_the_one_of_less_noise(name, photographs, degraded):
    metric, truth = METRICS[name], photographs(3, 64)
    good, bad = (metric.function(degraded(truth, strength), truth) for strength in (0.02, 0.2))
    assert good.shape == bad.shape == (3,)
    assert (good > bad).all() if metric.better == "higher" else (good < bad).all()
    assert all(metric.leak(one) > metric.leak(other) for one, other in zip(good.tolist(), bad.tolist(), strict=True))


def test_metrics_that_need_no_weights_are_always_available():
    assert len(PICTURE_METRICS) == 11
    assert all(METRICS[name].weights is None for name in PICTURE_METRICS)
    assert set(DEFAULT) <= set(PICTURE_METRICS)


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        METRICS["psnr"] = METRICS["ssim"]


def test_names_are_told_apart():
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)
    assert len({metric.function for metric in METRICS.values()}) == len(METRICS)
    assert all(name == metric.name for name, metric in METRICS.items())


@pytest.mark.parametrize("name", PICTURE_METRICS)
def test_double_precision_agrees(name, photographs, degraded):
    truth = photographs(1, 64)
    reconstruction = degraded(truth, 0.1)
    function = METRICS[name].function
    exact = function(reconstruction.double(), truth.double())
    assert torch.allclose(function(reconstruction, truth).double(), exact.double(), rtol=1e-4)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.scope == "picture"])
@pytest.mark.parametrize("size", [64, 176])
def test_a_pictures_value_does_not_depend_on_its_batch(name, size, request, photographs, degraded):
    """Bit for bit, with a black picture, a flat one and an exact one in the batch."""
    metric = METRICS[name]
    if metric.weights:
        request.getfixturevalue(FILES[metric.weights])
    truth = photographs(5, size)
    made = degraded(truth, 0.1)
    made[1], truth[2], made[3] = 0, 0.5, truth[3]
    together = metric.scores(made, truth)
    alone = [metric.scores(made[at : at + 1], truth[at : at + 1])[0] for at in range(5)]
    backwards = metric.scores(made.flip(0), truth.flip(0))[::-1]
    assert together == alone == backwards


@pytest.mark.parametrize("name", ["lpips", "stlpips"])
def test_pictures_of_half_precision_leave_the_network_as_it_is(name, request, photographs, degraded):
    request.getfixturevalue(FILES[METRICS[name].weights])
    function, truth = METRICS[name].function, photographs(1, 64)
    made = degraded(truth, 0.1)
    before = function(made, truth)
    half = function(made.half(), truth.half())
    assert torch.allclose(half, before, rtol=0.1)
    assert torch.equal(function(made, truth), before)


def test_dss_of_a_batch_is_that_of_its_pictures(photographs, degraded):
    """In single precision values of one picture differ by 1e-6 and more between batches."""
    truth = photographs(9, 224)
    made, dss = degraded(truth, 0.1), METRICS["dss"].function
    assert torch.allclose(dss(made, truth), torch.cat(list(map(dss, made.split(1), truth.split(1)))), rtol=0, atol=1e-7)


def test_dss_of_single_precision_is_that_of_double(photographs):
    """A flat picture beside its truth is where cancellation shows most: piq is 2e-4 off."""
    truth, dss = photographs(4, 224), METRICS["dss"].function
    flat = torch.full_like(truth, 0.5)
    exact = dss(flat.double(), truth.double())
    assert torch.allclose(dss(flat, truth).double(), exact, rtol=0, atol=1e-6)


def test_pictures_of_other_shapes_have_no_scores(photographs):
    with pytest.raises(ValueError, match="shapes differ"):
        METRICS["psnr"].scores(photographs(2, 32), photographs(1, 32))


def test_a_set_that_is_too_small_is_refused(photographs):
    with pytest.raises(UsageError, match="FID is a value of a set of 2 pictures or more, not of 1"):
        METRICS["fid"].score_of_set(photographs(1, 32), photographs(1, 32))


def test_metrics_from_outside_are_found_by_name(monkeypatch, tmp_path, photographs):
    (tmp_path / "darkroom.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    metric = metric_named("darkroom:darkness")
    assert (metric.name, metric.title) == ("darkroom:darkness", "Darkness")
    truth = photographs(2, 32)
    assert metric.scores(truth * 0, truth)[0] == pytest.approx(-float(truth[0].mean()))
    assert metrics_named(["ssim", "darkroom:darkness", "ssim"]) == (METRICS["ssim"], metric)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pnsr", "unknown metric 'pnsr': did you mean psnr"),
        ("nowhere:metric", "cannot load the metric 'nowhere:metric' as package.module:Name"),
        ("json:dumps", r"json:dumps: expected a keyhole\.metrics\.Metric, got function"),
    ],
)
def test_a_name_that_is_none_is_told(name, told):
    with pytest.raises(UsageError, match=told):
        metric_named(name)


def test_metrics_of_a_command_are_refused_before_it_starts(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="--metrics: expected one or more of psnr, ssim"):
        metrics_named([])
    with pytest.raises(UsageError, match="--metrics fid: a value of a set"):
        metrics_named(["fid"], scope="picture")
    with pytest.raises(MissingWeightsError, match="LPIPS needs weights"):
        metrics_named(["lpips"])


def test_a_label_names_the_unit():
    assert METRICS["psnr"].label == "PSNR, dB"
    assert METRICS["ssim"].label == "SSIM"
    assert Metric("a", "A", METRICS["l2"].function, "lower").label == "A"
