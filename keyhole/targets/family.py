"""Families of architectures: what is known of a model by its name, and how it is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from keyhole.sizes import Size
from keyhole.targets.target import Preprocess


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model before it is built.

    Attributes:
        preprocess: from a picture to its input.
        outputs: number of classes, 0 for an embedding and for boxes.
        licence: of the architecture and, where the hub has them, of its weights.
        weights: where its weights come from without a file: ``shipped``, ``hub`` or ``random``.
        embedding: length of the embedding; None for classes, or where it is known only once the model is built.
        defence: the defence that it was trained as, such as ``patrol``; empty for none.
        detects: number of the classes of its boxes; 0 where it answers with something else.
    """

    preprocess: Preprocess
    outputs: int
    licence: str
    weights: str
    embedding: int | None = None
    defence: str = ""
    detects: int = 0


class Family(ABC):
    """Architectures that are built by name."""

    @abstractmethod
    def names(self) -> Sequence[str]:
        """The names that are listed."""

    def has(self, name: str) -> bool:
        """Whether `facts` and `build` know a name.

        Raises:
            TargetError: a package that they need is not installed.
        """
        known = self.names()
        return name in known or name.partition(".")[0] in known

    @abstractmethod
    def facts(self, name: str) -> ModelFacts:
        """Facts about a model, without building it."""

    @abstractmethod
    def labels(self, name: str) -> tuple[str, ...]:
        """Name of each output of the hub's weights; empty where they have none."""

    def boxes_of(self, model: nn.Module, state: Mapping[str, Tensor]) -> int | None:  # noqa: ARG002
        """The number of classes of the boxes that weights are for; None: as many as the model has, or no boxes.

        Args:
            model: one of the family's.
            state: weights in a file, by the model's names.
        """
        return None

    @abstractmethod
    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        """A new model.

        Args:
            name: one of `names`.
            size: side of the picture in pixels, for the architectures that depend on it; None: the model's own.
            outputs: number of classes; None: the model's own.
            pretrained: load the hub's weights, else random ones.

        Raises:
            OSError: the hub cannot be reached.
        """


@dataclass(frozen=True)
class NamedModel:
    """A model of a family.

    Attributes:
        family: where it comes from.
        name: its name there.
    """

    family: Family
    name: str
