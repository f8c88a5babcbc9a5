import pytest

from keyhole.metrics import METRICS, MissingWeightsError, Weights
from keyhole.service.errors import UsageError

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
    assert not METRICS[name].available
    with pytest.raises(MissingWeightsError, match=r"\.pth"):
        METRICS[name].function(truth, truth)
    assert list(folder.iterdir()) == []
