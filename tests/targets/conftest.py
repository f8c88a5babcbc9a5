from pathlib import Path

import pytest
import torch
import torchvision

from keyhole.targets import Card, write_card
from keyhole.targets.stored_weights import WEIGHTS, save_quantised


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shipped weights with one model, ``tiny``: a ResNet-18 of three classes at 48 pixels."""
    root = tmp_path_factory.mktemp("weights")
    folder = root / "tiny"
    folder.mkdir()
    torch.manual_seed(5)
    save_quantised(torchvision.models.resnet18(num_classes=3).state_dict(), folder / WEIGHTS)
    write_card(
        Card(
            name="tiny",
            architecture="resnet18",
            data="noise",
            licence="CC0-1.0",
            recipe={"epochs": 0},
            seed=5,
            figures={"top1": 33.3},
            command="keyhole train tiny",
            size=48,
            mean=(0.5, 0.5, 0.5),
            std=(0.25, 0.25, 0.25),
            labels=("cat", "dog", "eel"),
            sha256="",
        ),
        folder,
    )
    return root
