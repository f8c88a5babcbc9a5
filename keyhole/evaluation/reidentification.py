"""Re-identification trials: how well a network finds unseen identities again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

from keyhole.data.identities import IdentifiedPictures, Parts, numbered
from keyhole.data.in_memory import read_pictures
from keyhole.metrics.recognition import Retrieval, Views, retrieve
from keyhole.sizes import Size
from keyhole.targets.target import Preprocess

_BATCH = 128


@dataclass(frozen=True)
class ReidentificationTrial:
    """A search for unseen identities: probes, and the gallery that they are searched for in.

    Attributes:
        data: the pictures.
        probes: indices of those that are searched for.
        gallery: indices of those that they are searched for in.
    """

    data: IdentifiedPictures
    probes: tuple[int, ...]
    gallery: tuple[int, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """Identities, pictures and probes."""
        return {"identities": self.data.count, "pictures": len(self.data.pictures), "probes": len(self.probes)}

    def retrieval(self, network: nn.Module, preprocess: Preprocess) -> Retrieval:
        """Search for every probe by the cosine of embeddings (PATROL §IV-A, inference).

        Args:
            network: N×3×size×size, normalised, to N×D; it is put in eval mode.
            preprocess: from a picture to its input.

        Raises:
            ValueError: an embedding is not finite.
        """
        embeddings = embed(network, self.data.pictures, preprocess)
        return retrieve(self._views(embeddings, self.probes), self._views(embeddings, self.gallery))

    def figures(self, network: nn.Module, preprocess: Preprocess) -> Mapping[str, float]:
        """Figures of `retrieval` in percent, by the names that a card uses."""
        found = self.retrieval(network, preprocess)
        shares = {
            "rank_1": found.rank_1,
            "rank_5": found.rank_5,
            "rank_10": found.rank_10,
            "mAP": found.mean_ap,
            "mINP": found.mean_inp,
        }
        return {name: 100 * share for name, share in shares.items()}

    def _views(self, embeddings: Tensor, places: tuple[int, ...]) -> Views:
        chosen = torch.tensor(places)
        return Views(embeddings[chosen], self.data.identities[chosen], self.data.cameras[chosen])


def read_parts(
    parts: Parts, size: Size, *, workers: int, folder: Path, console: Console
) -> tuple[IdentifiedPictures, ReidentificationTrial]:
    """The pictures to train with, and the trial of those to test with; arguments as of `IdentifiedPictures.load`."""
    train = IdentifiedPictures.load(parts.train, size, workers=workers, folder=folder, console=console)
    return train, read_trial(parts, size, workers=workers, folder=folder, console=console)


def read_trial(parts: Parts, size: Size, *, workers: int, folder: Path, console: Console) -> ReidentificationTrial:
    """The trial of the pictures to test with; arguments as of `IdentifiedPictures.load`."""
    pictures, kept = read_pictures(parts.test, size, workers=workers, folder=folder, console=console)
    data = IdentifiedPictures(pictures, *numbered([parts.test.facts(index) for index in kept]))
    places = {index: place for place, index in enumerate(kept)}
    probes, gallery = (
        tuple(places[index] for index in chosen if index in places) for chosen in (parts.probes, parts.gallery)
    )
    return ReidentificationTrial(data, probes, gallery)


def embed(network: nn.Module, pictures: Tensor, preprocess: Preprocess) -> Tensor:
    """Embeddings, N×D, of uint8 pictures, N×3×H×W; the network is put in eval mode."""
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        inputs = (preprocess(part.float() / 255) for part in torch.split(pictures, _BATCH))
        return torch.cat([network(part.to(device)).float().cpu() for part in inputs])
