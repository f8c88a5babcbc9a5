"""Asks a judge what reconstructions show of their truths' secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from keyhole.data.sample import SecretLabels
from keyhole.judge.near import near_head, near_plate
from keyhole.judge.reader import Reader
from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import check_pictures
from keyhole.metrics.recognition import Views, retrieve


def read_secrets(reader: Reader, pictures: Tensor, labels: Sequence[SecretLabels]) -> list[Recovery]:
    """Have plates and people read from pictures, each where its truth shows them near enough (`keyhole.judge.near`).

    Args:
        reader: the judge.
        pictures: reconstructions, or truths: RGB in [0, 1], N×3×H×W.
        labels: of the N truths, in pixels of H×W.

    Raises:
        ValueError: values leave [0, 1], or not one label for each picture.
    """
    check_pictures("pictures", pictures)
    if len(labels) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures and the secrets of {len(labels)}")
    plates: dict[int, tuple[str, str]] = {}
    attributes: list[dict[str, tuple[str, str]]] = [{} for _ in labels]
    corners = {place: found for place, label in enumerate(labels) if (found := near_plate(label))}
    if corners:
        read = reader.read_plates(pictures[list(corners)], torch.tensor(list(corners.values())))
        plates = {place: (labels[place].plate, text) for place, text in zip(corners, read, strict=True)}
    for ask, boxes in (
        (reader.read_drivers, [near_head(label.driver_box) for label in labels]),
        (reader.read_passengers, [near_head(label.passenger_box) for label in labels]),
    ):
        seen = {place: box for place, box in enumerate(boxes) if box}
        values = ask(pictures[list(seen)], torch.tensor(list(seen.values()))) if seen else []
        for place, answer in zip(seen, values, strict=True):
            true = labels[place].attributes
            attributes[place] |= {name: (true[name], value) for name, value in answer.items() if name in true}
    return [Recovery(plates.get(place), attributes[place]) for place in range(len(labels))]


def identity_rank_1(probes: Tensor, identities: Sequence[str], gallery: Mapping[str, Tensor]) -> float:
    """Share of reconstructions whose nearest enrolled picture, by cosine, shows the same identity.

    Enrolled pictures are of other occasions than the truths: beside its own truth even a thumbnail would be found, by
    the place and the time of day.

    Args:
        probes: N×D embeddings of reconstructions.
        identities: theirs.
        gallery: K×D embeddings of the enrolled pictures, by identity.

    Returns:
        A fraction in [0, 1]; one over the number of identities by chance.

    Raises:
        ValueError: see `keyhole.metrics.recognition.retrieve`.
    """
    numbers = {identity: number for number, identity in enumerate(gallery)}
    asked = torch.tensor([numbers[identity] for identity in identities])
    enrolled = torch.cat([torch.full((len(gallery[identity]),), numbers[identity]) for identity in numbers])
    here, there = torch.zeros_like(asked), torch.ones_like(enrolled)
    return retrieve(Views(probes, asked, here), Views(torch.cat(list(gallery.values())), enrolled, there)).rank_1
