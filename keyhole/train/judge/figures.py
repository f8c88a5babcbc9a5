"""The figures of a judge's card, measured on clean pictures of vehicles that it never saw."""

from __future__ import annotations

import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from keyhole.data.sample import eight_bit
from keyhole.data.secrets import SecretLabels
from keyhole.data.streetcam.camera import CAMERAS
from keyhole.data.streetcam.labels import secret_labels
from keyhole.data.streetcam.stream import Streetcam
from keyhole.judge.judge import Judge
from keyhole.judge.reading import read_secrets
from keyhole.judge.recovery import Recovery, summarise
from keyhole.metrics.retrieval import Views, retrieve

_PROBES = 4
Shown = tuple[Tensor, SecretLabels, int, int]


def judge_figures(judge: Judge, vehicles: int, seed: int, workers: int = 0, views: int = CAMERAS) -> dict[str, float]:
    """Figures by name; shares lie in [0, 1].

    Glyph and attribute accuracies count what `keyhole.judge.near` calls near. Rank-1 is that of re-identification: of
    each vehicle four pictures are probes, the others the gallery, all by other cameras.

    Args:
        judge: in evaluation mode.
        vehicles: of the pool ``audit``.
        seed: of the passes.
        workers: processes that draw; 0: this one.
        views: cameras before which each vehicle is seen, more than four, 24 at most.

    Raises:
        ValueError: no vehicle, or no more views than probes.
    """
    if vehicles < 1 or views <= _PROBES:
        raise ValueError(f"{vehicles} vehicles before {views} cameras: expected 1 or more before {_PROBES + 1} or more")
    loader = DataLoader(_Audit(vehicles, seed, views), batch_size=64, num_workers=workers, collate_fn=list)
    recoveries: list[Recovery] = []
    embeddings, identities, cameras = [], [], []
    for batch in track(loader, f"measuring on {vehicles * views} audit pictures"):
        pictures = eight_bit(torch.stack([picture for picture, *_ in batch]))
        recoveries += read_secrets(judge, pictures, [labels for _, labels, _, _ in batch])
        embeddings.append(judge.embed(pictures))
        identities += [vehicle for *_, vehicle, _ in batch]
        cameras += [camera for *_, camera in batch]
    seen = Views(torch.cat(embeddings), torch.tensor(identities), torch.tensor(cameras))
    probe = torch.arange(len(identities)) % views < _PROBES
    found = summarise(recoveries)
    figures = {"vehicles": float(vehicles), "glyphs": float(found.glyphs)}
    if found.glyph_accuracy is not None:
        figures["glyph_accuracy"] = found.glyph_accuracy
    for name, score in found.attributes.items():
        figures |= {f"{name}_accuracy": score.accuracy, f"{name}_majority": score.majority}
    return figures | {"identity_rank_1": retrieve(_part(seen, probe), _part(seen, ~probe)).rank_1}


class _Audit(Dataset[Shown]):
    """Vehicles of the pool ``audit``, each before cameras that the order of the probes does not favour."""

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
        return torch.from_numpy(shot.picture).permute(2, 0, 1), secret_labels(shot), vehicle, camera


def _part(views: Views, which: Tensor) -> Views:
    return Views(views.embeddings[which], views.identities[which], views.cameras[which])
