from dataclasses import replace

import pytest
import torch

from keyhole.metrics import METRICS, Metric, MissingWeightsError, Weights
from keyhole.metrics.base import check_pair, check_pictures
from keyhole.service.errors import UsageError

PICTURES = torch.full((2, 3, 48, 48), 0.5)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (PICTURES[0], "N×3×H×W"),
        (PICTURES[:, :1], "N×3×H×W"),
        (PICTURES[:0], "N×3×H×W"),
        (PICTURES * 255, r"127, 127.* not in \[0, 1\]|128, 128.* not in \[0, 1\]"),
        (PICTURES - 1, r"not in \[0, 1\]"),
        (torch.full_like(PICTURES, torch.nan), r"not in \[0, 1\]"),
        (torch.ones_like(PICTURES, dtype=torch.uint8), "floating point"),
    ],
)
def test_what_is_no_batch_of_pictures_is_refused(pictures, message):
    with pytest.raises(ValueError, match=message):
        check_pictures("truth", pictures)


def test_the_message_names_the_side_that_is_wrong():
    with pytest.raises(ValueError, match="reconstruction: values"):
        check_pair(PICTURES * 3, PICTURES)
    with pytest.raises(ValueError, match="truth: values"):
        check_pair(PICTURES, PICTURES * 3)


def test_a_side_that_is_too_short_is_refused():
    metric = Metric("x", "X", lambda made, _: made, "higher", smallest=48)
    check_pair(PICTURES, PICTURES, metric)
    with pytest.raises(ValueError, match=r"X needs pictures of at least 49 pixels a side, not \(48, 48\)"):
        check_pair(PICTURES, PICTURES, replace(metric, smallest=49))


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.scope == "picture"])
def test_every_metric_checks_its_pictures(name):
    function = METRICS[name].function
    with pytest.raises(ValueError, match="shapes differ"):
        function(PICTURES[..., :-1], PICTURES)
    with pytest.raises(ValueError, match=r"not in \[0, 1\]"):
        function(PICTURES * 255, PICTURES)


WEIGHTS = Weights("A metric", "https://example.org/models/net-0123.pth")


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints"


def test_missing_weights_say_which_and_where(folder):
    assert not WEIGHTS.present
    with pytest.raises(MissingWeightsError) as caught:
        WEIGHTS.require()
    for part in (WEIGHTS.purpose, WEIGHTS.url, str(folder / "net-0123.pth")):
        assert part in str(caught.value)
    assert isinstance(caught.value, UsageError)


def test_weights_that_are_there_are_found(folder):
    (folder / "net-0123.pth").touch()
    assert WEIGHTS.present
    assert WEIGHTS.require() == folder / "net-0123.pth"


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.weights])
def test_metrics_without_their_weights_neither_run_nor_download(name, folder, photographs, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a download was tried")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    truth = photographs(2, 64)
    assert not METRICS[name].weights.present
    with pytest.raises(MissingWeightsError, match=r"\.pth"):
        METRICS[name].function(truth, truth)
    assert list(folder.iterdir()) == []
