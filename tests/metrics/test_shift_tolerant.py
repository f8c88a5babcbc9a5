import importlib
import importlib.machinery
import sys
from collections.abc import Mapping
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.signal import correlate
from torch import Tensor

from keyhole.cli import dispatch
from keyhole.metrics import MissingWeightsError, metrics_named, stlpips
from keyhole.metrics.registry import SHIFT_TOLERANT


def blurred(features: np.ndarray) -> np.ndarray:
    """Each second value after a binomial blur, two values reflected at the borders."""
    wide = np.pad(features, ((0, 0), (2, 2), (2, 2)), mode="reflect")
    binomial = np.outer([1, 2, 1], [1, 2, 1]) / 16
    return np.stack([correlate(channel, binomial, mode="valid") for channel in wide])[:, ::2, ::2]


def largest(features: np.ndarray) -> np.ndarray:
    """The maximum of three by three values around each that has them."""
    return np.lib.stride_tricks.sliding_window_view(features, (3, 3), axis=(1, 2)).max(axis=(3, 4))


def convolved(features: np.ndarray, weight: np.ndarray, bias: np.ndarray, padding: int) -> np.ndarray:
    wide = np.pad(features, ((0, 0), (padding, padding), (padding, padding)))
    return np.stack([correlate(wide, kernel, mode="valid")[0] + b for kernel, b in zip(weight, bias, strict=True)])


def reference(state: Mapping[str, Tensor], first: Tensor, second: Tensor) -> float:
    """Ghildyal and Liu 2022 (Fig. 5) on top of Zhang et al. 2018, equation 1; pictures 3×H×W."""
    numbers = {name: tensor.double().numpy() for name, tensor in state.items()}
    shift, scale = numbers["scaling_layer.shift"][0], numbers["scaling_layer.scale"][0]
    pair = [(2 * picture.double().numpy() - 1 - shift) / scale for picture in (first, second)]
    stages = [("slice1.0", 2), ("slice2.5", 2), ("slice3.9", 1), ("slice4.11", 1), ("slice5.13", 1)]
    total = 0.0
    for level, (name, padding) in enumerate(stages):
        if level in {1, 2}:
            pair = [blurred(largest(features)) for features in pair]
        weight, bias = numbers[f"net.{name}.weight"], numbers[f"net.{name}.bias"]
        pair = [convolved(features, weight, bias, padding) for features in pair]
        pair = [np.maximum(blurred(features) if level == 0 else features, 0) for features in pair]
        units = [features / (np.sqrt((features**2).sum(axis=0)) + 1e-10) for features in pair]
        calibration = numbers[f"lin{level}.model.1.weight"][0]
        total += float((calibration * (units[0] - units[1]) ** 2).sum(axis=0).mean())
    return total


def test_equals_the_published_formula(packaged, photographs, degraded):
    truth = photographs(2, 28)[:, :, :21]
    made = degraded(truth, 0.2)
    expected = [reference(packaged, one, other) for one, other in zip(made, truth, strict=True)]
    assert stlpips(made, truth).tolist() == pytest.approx(expected, rel=1e-3)


def test_equal_pictures_are_at_zero(packaged, photographs):
    assert stlpips(photographs(2, 64), photographs(2, 64)).tolist() == [0, 0]


def test_a_picture_too_small_for_the_network_is_refused(packaged, photographs):
    with pytest.raises(ValueError, match="ST-LPIPS needs pictures of at least 21 pixels"):
        stlpips(photographs(1, 20), photographs(1, 20))


def test_double_precision_agrees(packaged, photographs, degraded):
    truth = photographs(1, 64)
    made = degraded(truth, 0.1)
    single = stlpips(made, truth).double()
    assert torch.allclose(single, stlpips(made.double(), truth.double()), rtol=1e-4)
    assert torch.equal(single, stlpips(made, truth).double())


def test_who_lacks_the_package_is_told_how_to_get_it(monkeypatch, capsys):
    find = importlib.machinery.PathFinder.find_spec

    def without(name, *place):
        return None if name == SHIFT_TOLERANT.package else find(name, *place)

    monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", without)
    assert not SHIFT_TOLERANT.present
    with pytest.raises(MissingWeightsError, match=r"pip install '\.\[perceptual\]'"):
        metrics_named(["stlpips"])
    assert dispatch(["attack", "--metrics", "stlpips", "--n", "1"], {}) == 2
    assert "pip install '.[perceptual]'" in " ".join(capsys.readouterr().err.split())


def test_a_package_without_the_file_is_as_none(packaged, tmp_path):
    assert SHIFT_TOLERANT.present
    (tmp_path / SHIFT_TOLERANT.package / SHIFT_TOLERANT.file).unlink()
    with pytest.raises(MissingWeightsError, match=r"alex_shift_tolerant\.pth of the package stlpips_pytorch"):
        SHIFT_TOLERANT.require()


@pytest.fixture
def published(monkeypatch):
    """The package's own network, beside stand-ins for two packages that it imports and does not ask for."""
    if not SHIFT_TOLERANT.present:
        pytest.skip("stlpips_pytorch is not installed")
    for name, needed in (("IPython", "embed"), ("torchsummary", "summary")):
        module = ModuleType(name)
        setattr(module, needed, None)
        monkeypatch.setitem(sys.modules, name, module)
    package = importlib.import_module("stlpips_pytorch.stlpips")
    return package.LPIPS(net="alex", variant="shift_tolerant", verbose=False)


@pytest.mark.parametrize("size", [21, 64])
def test_the_published_weights_give_the_packages_values(size, published, photographs, degraded):
    truth = photographs(3, size)
    made = degraded(truth, 0.1)
    made[0] = 0.5
    expected = published(made, truth, normalize=True).detach().flatten()
    assert torch.allclose(stlpips(made, truth), expected, atol=1e-6)


def test_the_published_weights_tell_more_noise_from_less(published, photographs, degraded):
    truth = photographs(2, 64)
    values = torch.stack([stlpips(degraded(truth, strength), truth) for strength in (0, 0.03, 0.1, 0.3)])
    assert (values.diff(dim=0) > 0).all()
