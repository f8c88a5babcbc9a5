"""Fisher information of layers: against gradients by hand, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from keyhole.attacks.classes.classifier import OpenClassifier
from keyhole.evaluation.layers.command import layers
from keyhole.evaluation.layers.fisher import (
    centroids_of,
    fisher_information,
    inversion_losses,
    layers_of,
    means_of,
    task_losses,
)
from keyhole.evaluation.layers.settings import LayersSettings
from keyhole.service.errors import UsageError
from keyhole.train.command import train
from keyhole.train.settings import TrainSettings
from tests.data.layouts import draw


class Tiny(nn.Module):
    """Three pixel means, four features, three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.last = nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(inputs.mean((2, 3)))))


@pytest.fixture
def tiny() -> tuple[Tiny, OpenClassifier, Tensor, Tensor]:
    torch.manual_seed(0)
    network = Tiny()
    classify = OpenClassifier(network, lambda pictures: pictures, 3)
    network.requires_grad_(True)
    return network, classify, torch.rand(5, 3, 2, 2), torch.tensor([0, 1, 2, 0, 1])


def test_the_tasks_information_is_that_of_gradients_by_hand(tiny) -> None:
    network, classify, pictures, labels = tiny
    found = fisher_information(network, task_losses(classify, pictures, labels))
    weight, bias, last = (
        value.detach().numpy() for value in (network.first.weight, network.first.bias, network.last.weight)
    )
    expected = {"first.weight": np.zeros((4, 3)), "last.weight": np.zeros((3, 4)), "last.bias": np.zeros(3)}
    for picture, label in zip(pictures.mean((2, 3)).numpy(), labels.tolist(), strict=True):
        hidden = np.tanh(weight @ picture + bias)
        logits = last @ hidden + network.last.bias.detach().numpy()
        wrong = np.exp(logits) / np.exp(logits).sum() - np.eye(3)[label]
        expected["last.weight"] += np.outer(wrong, hidden) ** 2 / 5
        expected["last.bias"] += wrong**2 / 5
        expected["first.weight"] += np.outer((last.T @ wrong) * (1 - hidden**2), picture) ** 2 / 5
    for name, value in expected.items():
        np.testing.assert_allclose(found[name].numpy(), value, rtol=1e-4)


def test_the_inversions_information_is_that_of_the_distance_to_the_centroid(tiny) -> None:
    network, classify, pictures, labels = tiny
    centroids = centroids_of(classify, pictures, labels, 3)
    with torch.no_grad():
        hidden = torch.tanh(network.first(pictures.mean((2, 3))))
    torch.testing.assert_close(centroids[1], (hidden[1] + hidden[4]) / 2)
    made = torch.rand(4, 3, 2, 2)
    found = fisher_information(network, inversion_losses(classify, made, labels[:4], centroids))
    expected = np.zeros((4, 3))
    weight, bias = network.first.weight.detach().numpy(), network.first.bias.detach().numpy()
    for picture, label in zip(made.mean((2, 3)).numpy(), labels.tolist()[:4], strict=True):
        features = np.tanh(weight @ picture + bias)
        off = features - centroids[label].numpy()
        expected += np.outer(off / np.linalg.norm(off) * (1 - features**2), picture) ** 2 / 4
    np.testing.assert_allclose(found["first.weight"].numpy(), expected, rtol=1e-4)
    assert not found["last.weight"].any()


def test_a_layer_is_a_convolution_with_its_norm_or_a_part_of_the_network() -> None:
    network = nn.Sequential()
    network.add_module("stem", nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1, bias=False)))
    network.add_module("fc", nn.Linear(4, 2))
    single = layers_of(network)
    assert [layer.name for layer in single] == ["stem.0", "stem.2", "fc"]
    assert single[0].parameters == ("stem.0.weight", "stem.0.bias", "stem.1.weight", "stem.1.bias")
    assert [layer.name for layer in layers_of(network, whole=True)] == ["stem", "fc"]
    values = {name: torch.full_like(parameter, len(name)) for name, parameter in network.named_parameters()}
    assert means_of(values, single)[0] == pytest.approx((12 * 13 + 4 * 11 + 4 * 13 + 4 * 11) / 24)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("layers")
    draw(root / "faces", [f"private/{name}/{n}.png" for name in ("Ann", "Bob", "Cid") for n in range(8)])
    common = {"architecture": "narrow:resnet18-8", "size": 16, "stages": ("16:1",), "batch": 8, "workers": 0}
    assert train(TrainSettings(data=str(root / "faces"), out=root / "out", **common)) == 0
    return root


def made(root: Path, *folders: str) -> Path:
    for place, folder in enumerate(folders):
        (root / folder).mkdir(parents=True)
        Image.new("RGB", (20, 20), (60 * place, 90, 200)).save(root / folder / "0.png")
    return root


def test_the_command_tells_both_in_a_table_a_plot_and_json(target: Path, tmp_path: Path, capsys) -> None:
    settings = LayersSettings(
        str(target / "out"),
        private=str(target / "faces"),
        reconstructions=made(tmp_path / "made", "0000-Ann", "Cid", "1"),
        whole=True,
        workers=0,
        json=tmp_path / "layers.json",
        plot=tmp_path / "layers.png",
    )
    assert layers(settings) == 0
    said = capsys.readouterr().out
    assert "3 pictures for the inversion" in " ".join(said.split())
    document = json.loads((tmp_path / "layers.json").read_text())
    rows = {row["layer"]: row for row in document["layers"]}
    assert list(rows) == ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"]
    assert document["pictures"] == {"task": 6, "inversion": 3}
    for kind in ("task", "inversion"):
        assert sum(row["share_percent"][kind] for row in rows.values()) == pytest.approx(100)
    assert rows["fc"]["fisher"]["inversion"] == 0
    assert rows["fc"]["fisher"]["task"] > 0
    assert Image.open(tmp_path / "layers.png").width > 500


def test_without_reconstructions_it_says_how_to_get_them(target: Path, capsys) -> None:
    assert layers(LayersSettings(str(target / "out"), private=str(target / "faces"), n=2, workers=0)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "2 pictures for the task" in said
    assert "give --reconstructions" in said


def test_folders_that_are_no_classes_are_named(target: Path, tmp_path: Path) -> None:
    settings = LayersSettings(
        str(target / "out"), private=str(target / "faces"), reconstructions=made(tmp_path / "made", "Dee"), workers=0
    )
    with pytest.raises(UsageError, match=r"Dee/0.png: expected CLASS/NUMBER.png, with .* such as 'Ann'"):
        layers(settings)
    with pytest.raises(UsageError, match="--n 0: expected 1 or more"):
        layers(LayersSettings("resnet18-streetcam", n=0))
    with pytest.raises(UsageError, match="resnet18-streetcam has no classes"):
        layers(LayersSettings("resnet18-streetcam"))
