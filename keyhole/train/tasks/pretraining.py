"""Pretraining on public pictures without labels: each is told from all others in two views of itself (SimCLR)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from pytorch_metric_learning.losses import NTXentLoss
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.data.classes import STREETCAM
from keyhole.data.in_memory import read_pictures
from keyhole.data.sets.catalogue import open_collection
from keyhole.data.sets.collection import Collection
from keyhole.data.streetcam.pools import VehiclePool
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.evaluation.reidentification import embed
from keyhole.service.errors import UsageError
from keyhole.sizes import Size, scaled, size_text
from keyhole.targets.architectures import architecture
from keyhole.targets.membership import TrainedOn
from keyhole.targets.neck import neck_path, with_neck
from keyhole.targets.target import Preprocess
from keyhole.train.augment import greyed, varied
from keyhole.train.recipe import OptimiserName, Stages, TrainingRecipe, adjusted
from keyhole.train.settings import TrainSettings
from keyhole.train.task import Batch, Outputs, Task
from keyhole.train.weights import start_from

PUBLIC = "public"
_VEHICLES, _VIEWS = 400, 12
_HELD_BACK = 0.1
_PROJECTION = 128


@dataclass(frozen=True)
class PretrainingRecipe(TrainingRecipe):
    """The hyper-parameters of pretraining, besides those of `TrainingRecipe`.

    Attributes:
        grey: share of the views that lose their colour, so that pictures are not told apart by it alone.
        temperature: of the loss.
    """

    stages: Stages = ((64, 40),)
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    optimiser: OptimiserName = "adamw"
    warm_up: float = 0.1
    crop: float = 0.3
    colour: float = 0.4
    erase: float = 0.25
    grey: float = 0.2
    temperature: float = 0.2


class ContrastiveLearner(nn.Module):
    """A network with SimCLR's projection, a perceptron with one hidden layer, which only the loss sees (Chen et al.
    2020, "A simple framework for contrastive learning of visual representations", §2.1).

    Args:
        network: N×3×H×W to embeddings, N×D, with a BNNeck.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.width = int(network.get_submodule(neck_path(network)).num_features)  # type: ignore[arg-type]
        self.projection = nn.Sequential(
            nn.Linear(self.width, self.width), nn.ReLU(), nn.Linear(self.width, _PROJECTION)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Projections N×128 of normalised pictures N×3×H×W."""
        return self.projection(self.network(inputs))  # type: ignore[no-any-return]


class Pretraining(Task):
    """See `Task`. A batch has two views of each picture; a label is the picture's place.

    Args:
        network: N×3×H×W to embeddings with a BNNeck, at any picture size of the recipe.
        pictures: uint8 N×3×H×W. A tenth, at least two for each of two parts, is held back by the seed, one half to
            choose by and one to report of.
        preprocess: of the network.
        recipe: the hyper-parameters.
        data: one line on the pictures, for the card.
        trained_on: who is seen in them.

    Raises:
        UsageError: the pictures do not suffice for a batch.
    """

    kind = "pretraining"
    recipe: PretrainingRecipe
    module: ContrastiveLearner

    def __init__(
        self,
        network: nn.Module,
        pictures: Tensor,
        preprocess: Preprocess,
        recipe: PretrainingRecipe,
        data: str = "",
        trained_on: TrainedOn = TrainedOn(),  # noqa: B008  (frozen)
    ) -> None:
        self.module, self.recipe, self.preprocess, self.data = ContrastiveLearner(network), recipe, preprocess, data
        self.outputs, self.trained_on = Outputs(embedding=self.module.width), trained_on
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(recipe.seed))
        half = max(2, round(_HELD_BACK * len(pictures) / 2))
        self._selection, self._report, self._train = (
            pictures[places.sort().values] for places in (order[:half], order[half : 2 * half], order[2 * half :])
        )
        self.tested_on = {"pictures": half, "selection_pictures": half}
        self.steps = len(self._train) // recipe.batch
        if not self.steps or recipe.batch < 2:
            raise UsageError(
                f"{len(pictures)} pictures, {2 * half} of them held back: expected --batch from 2 to what is left, got "
                f"{recipe.batch}"
            )

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        order = torch.randperm(len(self._train), generator=generator)
        for chosen in torch.split(order, self.recipe.batch)[: self.steps]:
            views = [self.view(self._train[chosen], size, generator) for _ in range(2)]
            yield Batch(self.preprocess.normalise(torch.cat(views)), chosen.repeat(2))

    def loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        """NT-Xent (Chen et al. 2020, Eq. 1): a view's other view is found among the views of all other pictures."""
        return NTXentLoss(self.recipe.temperature)(answers.float(), labels)  # type: ignore[no-any-return]

    def network(self, module: nn.Module) -> nn.Module:
        return cast(ContrastiveLearner, module).network

    def assess(self, network: nn.Module, size: int) -> str:
        return f"found again {self._found_again(network, self._selection, size):.1f} % of {len(self._selection)}"

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        side = self.recipe.stages[-1][0]
        parts = {"found_again": self._report, "found_again_selection": self._selection}
        return {name: self._found_again(network, part, side) for name, part in parts.items()}

    def view(self, pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
        """A random view of each of uint8 pictures N×3×H×W, RGB in [0, 1], ``size`` its shorter side."""
        changed = varied(pictures.float() / 255, scaled(self.preprocess.size, size), generator, self.recipe)
        return greyed(changed, generator, self.recipe.grey)

    def _found_again(self, network: nn.Module, pictures: Tensor, size: int) -> float:
        """Share of the pictures, in percent, whose one view is nearest to their own other view, by cosine; chance finds
        one of them."""
        generator = torch.Generator().manual_seed(self.recipe.seed)
        seen = Preprocess(scaled(self.preprocess.size, size), self.preprocess.mean, self.preprocess.std)
        views = [(255 * self.view(pictures, size, generator)).round().to(torch.uint8) for _ in range(2)]
        one, other = (F.normalize(embed(network, each, seen)) for each in views)
        return 100 * float(((one @ other.T).argmax(1) == torch.arange(len(pictures))).float().mean())


def pretraining(settings: TrainSettings, console: Console) -> Task:
    """The task that the flags describe.

    Raises:
        MissingError: no data there.
        UsageError: an architecture that has no classifier to replace, too few pictures, or a flag of another task.
        TargetError: weights to start from that are not there or do not fit.
    """
    if settings.teacher or settings.patch_drop:
        raise UsageError("--teacher and --patch-drop are of re-identification: --task re-identification")
    recipe = adjusted(PretrainingRecipe(), settings)
    torch.manual_seed(settings.seed)
    network = with_neck(architecture(settings.architecture), settings.size)
    start_from(network, settings.init)
    collection = _pictures(settings)
    pictures, kept = read_pictures(
        collection,
        settings.size,
        workers=settings.workers,
        folder=settings.pictures or settings.out,
        console=console,
    )
    seen = TrainedOn.of(settings.data, filter(None, (collection.facts(index).identity for index in kept)))
    data = f"{settings.data_name or settings.data}: {len(pictures)} pictures, {size_text(settings.size)} pixels"
    console.print(f"{len(pictures)} pictures without labels, {recipe.epochs} epochs")
    torch.manual_seed(settings.seed)
    return Pretraining(network, pictures, Preprocess(settings.size), recipe, data, seen)


def _pictures(settings: TrainSettings) -> Collection:
    if settings.data != STREETCAM:
        return open_collection(settings.data, settings.part or PUBLIC)
    pool: VehiclePool = settings.part or PUBLIC  # type: ignore[assignment]  # Streetcam refuses what is none
    size: Size = settings.size
    return Passes(Streetcam(pool, drawn_at(size)), settings.identities or _VEHICLES, settings.views or _VIEWS)
