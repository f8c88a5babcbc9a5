"""What each trained defence claims, on a network and pictures that are trained in seconds; and that each resumes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.data.labelled import LabelledPictures
from keyhole.defences import defence_named
from keyhole.targets import Preprocess
from keyhole.train.defences.adversarial import AdversarialReconstructor
from keyhole.train.defences.app import App
from keyhole.train.defences.base import DefenceMethod
from keyhole.train.defences.disco import Disco
from keyhole.train.defences.noise_aware import NoiseAware
from keyhole.train.defences.nopeek import NoPeek
from keyhole.train.defences.shredder import Shredder
from keyhole.train.split import Split
from keyhole.train.tasks.reidentification import Reidentification
from keyhole.train.tuning import make_trainable
from tests.train import making
from tests.train.defence_making import split_of, taught, trained
from tests.train.patrol_making import SIDE, class_folders, embedder

NORMALISE = Preprocess(SIDE).normalise


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_folders(tmp_path_factory.mktemp("data"))


class Revealing(nn.Module):
    """Three channels with the colours of the surroundings, three with the pixels themselves; either tells the class."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 6, 7, padding=3, bias=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(6, 3)
        with torch.no_grad():
            self.head.weight.zero_()
            for colour in range(3):
                self.head.weight[colour, colour] = 1 / 49
                self.head.weight[3 + colour, colour, 3, 3] = 1
            nn.init.zeros_(self.fc.bias)
            self.fc.weight.copy_(torch.cat([torch.eye(3)] * 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.pool(self.head(x)).flatten(1))


class Peephole(Revealing):
    """The class by the colours about one pixel alone."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)
        with torch.no_grad():
            self.fc.weight.copy_(4 * torch.eye(3))
            nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.head(x)[:, :3, 8, 8])


def held_out(root: Path) -> tuple[Tensor, Tensor]:
    data = LabelledPictures.load(root, "val")
    return data.pictures / 255, data.labels


def accuracy(split: Split, root: Path, protect=lambda features: features) -> float:
    pictures, labels = held_out(root)
    split.task.module.eval()
    with torch.no_grad():
        answers = split.blocks.tail(protect(split.features(NORMALISE(pictures))))
    return (answers.argmax(1) == labels).float().mean().item()


def seen(split: Split, root: Path, steps: int = 250) -> float:
    """Squared error of a network that is trained on the features of some pictures, on those of others."""
    data = LabelledPictures.load(root, "train")
    split.task.module.eval()
    with torch.no_grad():
        features = split.features(NORMALISE(data.pictures / 255))
    reconstructor = AdversarialReconstructor(features, SIDE, seed=7)
    for _ in range(steps):
        reconstructor.learn(features, data.pictures / 255)
    pictures, _ = held_out(root)
    with torch.no_grad():
        return F.mse_loss(reconstructor.reconstruct(split.features(NORMALISE(pictures))), pictures).item()


def test_app_leaves_a_new_reconstructor_less_at_the_same_accuracy(root: Path, tmp_path: Path) -> None:
    plain = trained(NoPeek(0.0), root, tmp_path / "plain", epochs=12)
    defended = trained(App(weight=50.0, turns=6), root, tmp_path / "defended", epochs=12)
    assert seen(defended, root) > 1.1 * seen(plain, root)
    assert accuracy(defended, root) > 0.9


def test_disco_stops_the_private_channels(root: Path, tmp_path: Path) -> None:
    split = split_of(root, 30, Revealing(), cut="head", learning_rate=0.03)
    training = Disco(share=0.5, weight=100.0, turns=6, head_start=0.3).training(split)
    taught(training, split, tmp_path, cut="head")
    defence = defence_named(training.store(tmp_path))
    pictures, _ = held_out(root)
    features = split.features(NORMALISE(pictures)).detach()
    (sent,) = defence.protect((features,), torch.Generator())
    leaves = (sent != 0).flatten(2).any(2).float()
    assert (leaves.sum(1) == 3).all()
    assert leaves[:, 3:].mean() < 0.1
    assert accuracy(split, root, lambda f: defence.protect((f,), torch.Generator())[0]) > 0.9
    assert torch.equal(split.blocks.head.state_dict()["head.weight"], Revealing().head.weight)


def test_learned_noise_grows_where_the_task_does_not_look(root: Path, tmp_path: Path) -> None:
    network = Peephole()
    weights = network.fc.weight.clone()
    split = split_of(root, 10, network, cut="head", learning_rate=0.3)
    training = Shredder(weight=0.05, start=0.1, most=5.0).training(split)
    spread = split.typical().std(correction=0)
    taught(training, split, tmp_path, cut="head")
    defence = defence_named(training.store(tmp_path))
    (table,) = defence.noise.tables
    used, elsewhere = table.deviation[:3, 8, 8].mean() / spread, table.deviation.median() / spread
    assert elsewhere > 2
    assert used < elsewhere / 4
    generator = torch.Generator().manual_seed(0)
    assert accuracy(split, root, lambda f: defence.protect((f,), generator)[0]) > 0.9
    assert torch.equal(network.fc.weight, weights)


def test_noise_aware_training_makes_up_for_noise(root: Path, tmp_path: Path) -> None:
    word = "gaussian:scale=15"
    plain, hardened = trained(NoPeek(0.0), root, tmp_path / "plain", 10), split_of(root, 10)
    hardened.task.module.load_state_dict(plain.task.module.state_dict())
    before = {name: value.clone() for name, value in hardened.blocks.head.state_dict().items()}
    taught(NoiseAware(word).training(hardened), hardened, tmp_path / "hardened")

    def noisy(features: Tensor) -> Tensor:
        return defence_named(word).protect((features,), torch.Generator().manual_seed(3))[0]

    assert accuracy(hardened, root, noisy) > accuracy(plain, root, noisy) + 0.1
    after = hardened.blocks.head.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_noise_is_learned_for_identities_too(tmp_path: Path) -> None:
    network = embedder()
    make_trainable(network)
    tested = making.trials(making.boards(4, 4, 1), 4)
    task = Reidentification(network, making.boards(8, 8, 0), tested, making.PREPROCESS, making.recipe(2))
    split = Split.of(task, network, "layer1.1", seed=0)
    before = {name: value.clone() for name, value in task.network(task.module).state_dict().items()}
    classifier = task.module.classifier.weight.detach().clone()
    training = Shredder(start=0.1).training(split)
    taught(training, split, tmp_path)
    after = task.network(task.module).state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert torch.equal(task.module.classifier.weight, classifier)
    (table,) = defence_named(training.store(tmp_path)).noise.tables
    assert tuple(table.deviation.shape) == (8, SIDE, SIDE)


@pytest.mark.parametrize(
    "method",
    [NoPeek(), App(head_start=0.0), Disco(head_start=0.0, distance="ssim"), Shredder(), NoiseAware(head=True)],
    ids=repr,
)
def test_a_stopped_run_ends_like_one_that_was_not(
    method: DefenceMethod, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(folder: str, stopped_after: int | None = None) -> dict[str, Tensor]:
        split = split_of(root, 3)
        training, rounds = method.training(split), 0

        def assess(*_: object) -> str:
            nonlocal rounds
            rounds += 1
            if stopped_after is not None and rounds > stopped_after:
                raise KeyboardInterrupt
            return ""

        monkeypatch.setattr(split.task, "assess", assess)
        taught(training, split, tmp_path / folder)
        return training.module.state_dict()

    with pytest.raises(KeyboardInterrupt):
        run("stopped", stopped_after=1)
    stopped, whole = run("stopped"), run("whole")
    assert all(torch.equal(stopped[name], value) for name, value in whole.items())
