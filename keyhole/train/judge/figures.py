"""The figures of a judge's card, measured on clean pictures of vehicles that it never saw."""

from __future__ import annotations

import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from keyhole.data.sample import SecretLabels, eight_bit
from keyhole.data.streetcam.camera import CAMERAS
from keyhole.data.streetcam.shot import secret_labels
from keyhole.data.streetcam.stream import Streetcam
from keyhole.judge.enrolment import streetcam_views
from keyhole.judge.judge import Judge
from keyhole.judge.reading import identity_rank_1, read_secrets
from keyhole.judge.recovery import Recovery, summarise
from keyhole.service.errors import UsageError

Shown = tuple[Tensor, SecretLabels]


def judge_figures(judge: Judge, vehicles: int, seed: int, workers: int = 0, views: int = CAMERAS) -> dict[str, float]:
    """Figures by name; shares lie in [0, 1].

    Glyph and attribute accuracies count what `keyhole.judge.near` calls near. Rank-1 is what the referee asks of
    reconstructions (`keyhole.judge.reading.identity_rank_1`), here of true pictures.

    Args:
        judge: in evaluation mode.
        vehicles: of the pool ``audit``.
        seed: of the passes.
        workers: processes that draw; 0: this one.
        views: cameras before which each vehicle is seen, 24 at most.

    Raises:
        ValueError: no vehicle, or no view.
    """
    if vehicles < 1 or views < 1:
        raise UsageError(f"{vehicles} vehicles before {views} cameras: expected 1 or more of each")
    loader = DataLoader(_Audit(vehicles, seed, views), batch_size=64, num_workers=workers, collate_fn=list)
    recoveries: list[Recovery] = []
    embeddings, identities = [], []
    for batch in track(loader, f"measuring on {vehicles * views} audit pictures"):
        pictures = eight_bit(torch.stack([picture for picture, _ in batch]))
        labels = [about for _, about in batch]
        recoveries += read_secrets(judge, pictures, labels)
        embeddings.append(judge.embed(pictures))
        identities += [about.identity for about in labels]
    gallery = {identity: judge.embed(_views(identity)) for identity in dict.fromkeys(identities)}
    rank_1 = identity_rank_1(torch.cat(embeddings), identities, gallery)
    found = summarise(recoveries)
    figures = {"vehicles": float(vehicles), "glyphs": float(found.glyphs)}
    if found.glyph_accuracy is not None:
        figures["glyph_accuracy"] = found.glyph_accuracy
    for name, score in found.attributes.items():
        figures |= {f"{name}_accuracy": score.accuracy, f"{name}_majority": score.majority}
    return figures | {"identity_rank_1": rank_1}


class _Audit(Dataset[Shown]):
    """Vehicles of the pool ``audit``, each before several cameras."""

    def __init__(self, vehicles: int, seed: int, views: int) -> None:
        self._vehicles = vehicles
        self._views = views
        self._source = Streetcam("audit", seed=seed)

    def __len__(self) -> int:
        return self._vehicles * self._views

    def __getitem__(self, index: int) -> Shown:
        vehicle, view = divmod(index, self._views)
        camera = (vehicle + 7 * view) % CAMERAS
        shot = self._source.shot(vehicle, camera, view)
        return torch.from_numpy(shot.picture).permute(2, 0, 1), secret_labels(shot)


def _views(identity: str) -> Tensor:
    views = streetcam_views(identity)
    assert views is not None
    return views
