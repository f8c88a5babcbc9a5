"""Re-identification trials: how well a network finds unseen identities again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

from keyhole.data.identities import IdentifiedPictures, Parts, Search, numbered
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


@dataclass(frozen=True)
class Trials:
    """The trials of a training, of identities that are in neither the other one nor the training.

    Attributes:
        selection: what may be chosen by; None: nothing is.
        report: what figures are told of; None: whoever trains measures elsewhere.
    """

    selection: ReidentificationTrial | None = None
    report: ReidentificationTrial | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """`ReidentificationTrial.counts` of the report, and of the selection by names with ``selection_`` before."""
        report = self.report.counts if self.report else {}
        selection = self.selection.counts if self.selection else {}
        return {**report, **{f"selection_{name}": count for name, count in selection.items()}}

    @property
    def text(self) -> str:
        """Who is tested on, in a few words."""
        report = f"reported of {self.report.data.count} others" if self.report else "reported elsewhere"
        if self.selection is None:
            return f"{report}; none are left to choose by"
        return f"{report}, to be chosen by {self.selection.data.count} that are in neither"

    def assess(self, network: nn.Module, preprocess: Preprocess) -> str:
        """Rank-1 and mAP of the selection in a few words."""
        if self.selection is None:
            return "not assessed (too few identities are held out)"
        found = self.selection.retrieval(network, preprocess)
        return f"rank-1 {100 * found.rank_1:.1f} %, mAP {100 * found.mean_ap:.1f} %"

    def figures(self, network: nn.Module, preprocess: Preprocess) -> Mapping[str, float]:
        """`ReidentificationTrial.figures` of the report; rank-1 and mAP of the selection by names with ``_selection``
        behind, to choose by."""
        report = self.report.figures(network, preprocess) if self.report else {}
        selection = self.selection.figures(network, preprocess) if self.selection else {}
        chosen = {f"{name}_selection": selection[name] for name in ("rank_1", "mAP") if name in selection}
        return {**report, **chosen}


def read_parts(
    parts: Parts, size: Size, *, workers: int, folder: Path, console: Console
) -> tuple[IdentifiedPictures, Trials]:
    """The pictures to train with, and the trials; arguments as of `IdentifiedPictures.load`."""
    read = partial(read_trial, size=size, workers=workers, folder=folder, console=console)
    train = IdentifiedPictures.load(parts.train, size, workers=workers, folder=folder, console=console)
    return train, Trials(read(parts.selection) if parts.selection else None, read(parts.report))


def read_trial(search: Search, size: Size, *, workers: int, folder: Path, console: Console) -> ReidentificationTrial:
    """The trial of a search; arguments as of `IdentifiedPictures.load`."""
    pictures, kept = read_pictures(search.pictures, size, workers=workers, folder=folder, console=console)
    data = IdentifiedPictures(pictures, *numbered([search.pictures.facts(index) for index in kept]))
    places = {index: place for place, index in enumerate(kept)}
    probes, gallery = (
        tuple(places[index] for index in chosen if index in places) for chosen in (search.probes, search.gallery)
    )
    return ReidentificationTrial(data, probes, gallery)


def embed(network: nn.Module, pictures: Tensor, preprocess: Preprocess) -> Tensor:
    """Embeddings, N×D, of uint8 pictures, N×3×H×W; the network is put in eval mode."""
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        inputs = (preprocess(part.float() / 255) for part in torch.split(pictures, _BATCH))
        return torch.cat([network(part.to(device)).float().cpu() for part in inputs])
