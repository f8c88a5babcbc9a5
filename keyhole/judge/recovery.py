"""Secret recovery: what a judge reads from reconstructions of what their truths give away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from keyhole.data.secrets import SecretLabels
from keyhole.data.streetcam.glyphs import ALPHABET
from keyhole.judge.near import near_head, near_plate
from keyhole.judge.reader import Reader
from keyhole.metrics.pictures import check_pictures
from keyhole.metrics.retrieval import Views, retrieve

GLYPH_CHANCE = 1 / len(ALPHABET)
"""Glyph accuracy of a blind guess: glyphs are equally likely."""


@dataclass(frozen=True)
class Recovery:
    """What was read from one picture.

    Attributes:
        plate: what is written and what was read; None where the true picture shows no plate near enough.
        attributes: what is so and what was read, by name; without those that the true picture does not show.
        identified: whether the nearest truth of the gallery shows the same vehicle; None: not asked.
        gallery: vehicles in that gallery.
    """

    plate: tuple[str, str] | None = None
    attributes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    identified: bool | None = None
    gallery: int = 0

    @property
    def glyphs(self) -> tuple[int, int]:
        """Glyphs read right, and glyphs asked for."""
        if self.plate is None:
            return 0, 0
        true, read = self.plate
        return sum(a == b for a, b in zip(true, read, strict=False)), len(true)

    @property
    def empty(self) -> bool:
        """Whether nothing could be asked."""
        return self.plate is None and not self.attributes and self.identified is None


@dataclass(frozen=True)
class AttributeScore:
    """How an attribute was read from ``n`` pictures.

    Attributes:
        accuracy: share read right.
        majority: share of the most frequent true value: what always saying that value would score.
    """

    n: int
    accuracy: float
    majority: float


@dataclass(frozen=True)
class SecretRecovery:
    """What was read from many pictures; shares lie in [0, 1] and are None where nothing was asked.

    Attributes:
        glyphs: glyphs asked for; ``glyph_accuracy`` is the share read right, `GLYPH_CHANCE` by chance.
        attributes: by name.
        identities: pictures that were looked up in a gallery; ``identity_rank_1`` is the share found first.
        gallery_mean: vehicles in the gallery, on average; one over it is chance.
    """

    glyphs: int
    glyph_accuracy: float | None
    attributes: Mapping[str, AttributeScore]
    identities: int
    identity_rank_1: float | None
    gallery_mean: float | None


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


def identity_rank_1(probes: Tensor, identities: Tensor, gallery: Tensor, gallery_identities: Tensor) -> float:
    """Share of reconstructions whose nearest truth, by cosine, shows the same identity.

    The truths include the reconstructions' own: the question is which of the vehicles that passed is shown.

    Args:
        probes: N×D embeddings of reconstructions.
        identities: N integers.
        gallery: M×D embeddings of truths.
        gallery_identities: M integers.

    Returns:
        A fraction in [0, 1]; one over the number of identities by chance.

    Raises:
        ValueError: see `keyhole.metrics.retrieval.retrieve`.
    """
    reconstructed, true = torch.zeros_like(identities), torch.ones_like(gallery_identities)
    return retrieve(Views(probes, identities, reconstructed), Views(gallery, gallery_identities, true)).rank_1


def summarise(recoveries: Sequence[Recovery]) -> SecretRecovery:
    """Shares over all that was asked; glyphs count one by one."""
    right, asked = (sum(found.glyphs[part] for found in recoveries) for part in (0, 1))
    pairs: dict[str, list[tuple[str, str]]] = {}
    for found in recoveries:
        for name, pair in found.attributes.items():
            pairs.setdefault(name, []).append(pair)
    looked_up = [found for found in recoveries if found.identified is not None]
    count = len(looked_up)
    return SecretRecovery(
        glyphs=asked,
        glyph_accuracy=right / asked if asked else None,
        attributes={name: attribute_score(pairs[name]) for name in pairs},
        identities=count,
        identity_rank_1=sum(bool(found.identified) for found in looked_up) / count if count else None,
        gallery_mean=sum(found.gallery for found in looked_up) / count if count else None,
    )


def attribute_score(pairs: Sequence[tuple[str, str]]) -> AttributeScore:
    """
    >>> attribute_score([("cap", "cap"), ("none", "cap"), ("none", "none"), ("none", "none")])
    AttributeScore(n=4, accuracy=0.75, majority=0.75)

    Raises:
        ValueError: no pair of what is so and what was read.
    """
    if not pairs:
        raise ValueError("an attribute's score needs at least one picture")
    right = sum(true == read for true, read in pairs)
    frequent = Counter(true for true, _ in pairs).most_common(1)[0][1]
    return AttributeScore(len(pairs), right / len(pairs), frequent / len(pairs))
