"""Targets that answer with an embedding."""

import dataclasses
from pathlib import Path

import pytest
import torch

import keyhole
from keyhole.targets import Card, TargetError, load_target, read_card, write_card
from keyhole.targets.architectures import architecture
from keyhole.targets.catalogue import Catalogue
from keyhole.targets.neck import bn_neck, neck_path, with_neck
from keyhole.targets.stored_weights import WEIGHTS, save_quantised

ARCHITECTURES = {"resnet18": (512, "layer2"), "timm:vit_tiny_patch16_224": (192, "blocks.5")}
SIZE = 32


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shipped weights with an embedding of each architecture, named by its length."""
    root = tmp_path_factory.mktemp("weights")
    for name, (length, _) in ARCHITECTURES.items():
        torch.manual_seed(3)
        model = with_neck(architecture(name), SIZE)
        neck = model.get_submodule(neck_path(model))
        neck.running_mean.normal_()
        neck.running_var.uniform_(0.5, 2)
        folder = root / str(length)
        folder.mkdir()
        save_quantised(model.state_dict(), folder / WEIGHTS)
        write_card(
            Card(
                name=str(length),
                architecture=name,
                data="noise",
                licence="CC0-1.0",
                recipe={},
                seed=3,
                figures={"rank_1": 50.0},
                command="keyhole train",
                size=SIZE,
                mean=(0.5, 0.5, 0.5),
                std=(0.25, 0.25, 0.25),
                labels=(),
                sha256="",
                task="re-identification",
                embedding=length,
            ),
            folder,
        )
    return root


@pytest.mark.parametrize(("length", "cut"), ARCHITECTURES.values())
def test_a_card_brings_an_embedding_that_can_be_cut_exactly(length: int, cut: str, embedding: Path) -> None:
    target = load_target(str(length), shipped=embedding)
    assert (target.outputs, target.labels, target.weights, target.preprocess.size) == (length, (), "shipped", SIZE)
    parts = keyhole.split(target, cut)
    for batch in (1, 3):
        pictures = torch.randn(batch, 3, SIZE, SIZE)
        assert torch.equal(parts.tail(parts.head(pictures)), target.model(pictures))


def test_a_card_round_trips(embedding: Path, tmp_path: Path) -> None:
    card = read_card(embedding / "512")
    assert (card.task, card.embedding) == ("re-identification", 512)
    (tmp_path / WEIGHTS).write_bytes((embedding / "512" / WEIGHTS).read_bytes())
    write_card(card, tmp_path)
    assert read_card(tmp_path) == card


@pytest.mark.parametrize(
    "change", [{"task": "classification"}, {"labels": ("cat",)}, {"embedding": None}, {"task": "song"}]
)
def test_a_card_whose_task_and_outputs_disagree(change: dict[str, object], embedding: Path, tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).touch()
    write_card(dataclasses.replace(read_card(embedding / "192"), **change), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="expected labels and no embedding"):
        read_card(tmp_path)


def test_the_catalogue_tells_its_length(embedding: Path) -> None:
    entry = Catalogue(embedding).find("192")
    assert entry is not None
    assert (entry.family.facts("192").outputs, entry.family.facts("192").embedding) == (0, 192)


def test_a_vit_takes_one_size_only(embedding: Path) -> None:
    with pytest.raises(TargetError, match=r"192 \(for pictures of 32 pixels\) do not fit .*pos_embed"):
        load_target("192", size=48, shipped=embedding)


def test_weights_with_a_neck_make_an_embedding(embedding: Path) -> None:
    target = load_target("timm:vit_tiny_patch16_224", embedding / "192" / WEIGHTS, size=SIZE)
    assert (target.outputs, target.hash) == (192, load_target("192", shipped=embedding).hash)


def test_a_neck_has_no_bias_to_train() -> None:
    neck = bn_neck(4)
    assert neck.weight.requires_grad
    assert not neck.bias.requires_grad
    assert not neck.bias.any()
    with pytest.raises(TargetError, match="no BNNeck"):
        neck_path(torch.nn.Linear(2, 2))
