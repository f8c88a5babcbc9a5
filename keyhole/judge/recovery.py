"""Secret recovery: what a judge read from reconstructions beside what their truths give away, as scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from keyhole.data.streetcam.lettering import ALPHABET
from keyhole.data.streetcam.shot import MOST_FREQUENT
from keyhole.metrics.interval import Interval, share_interval

GLYPH_CHANCE = 1 / len(ALPHABET)
"""Glyph accuracy of a blind guess: glyphs are equally likely."""


@dataclass(frozen=True)
class Recovery:
    """What was read from one picture.

    Attributes:
        plate: what is written and what was read; None where the true picture shows no plate near enough.
        attributes: what is so and what was read, by name; without those that the true picture does not show.
        identified: whether the nearest picture of the gallery shows the same vehicle; None: not asked.
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
        majority: share of the population, not of the n, that has the most frequent value: what saying it always gets.
    """

    n: int
    accuracy: float
    majority: float


@dataclass(frozen=True)
class Share:
    """How much of a secret was read right.

    Attributes:
        value: share in [0, 1].
        guessing: what a blind guess scores, or whoever always gives the population's most frequent answer.
        asked: how often it was asked.
    """

    value: float
    guessing: float
    asked: int

    @property
    def interval(self) -> Interval | None:
        """95 % interval of the value, see `share_interval`; narrower than it should be for glyphs, for those of one
        plate are read well or badly together."""
        return share_interval(round(self.value * self.asked), self.asked)

    @property
    def as_by_guessing(self) -> bool:
        """Whether it was not read significantly better than by guessing: the interval reaches down to that, or there
        is none."""
        return self.interval is None or self.interval[0] <= self.guessing

    @property
    def recovered(self) -> float:
        """Share of what guessing leaves unknown: 1 is all of it, 0 is nothing, also where it was read as by guessing.

        >>> Share(0.75, 0.5, 400).recovered, Share(0.4, 0.5, 400).recovered
        (0.5, 0.0)
        """
        return 0.0 if self.as_by_guessing else (self.value - self.guessing) / (1 - self.guessing)

    def text(self) -> str:
        """The value, with what guessing gets.

        >>> Share(0.75, 0.5, 400).text(), Share(0.4, 0.5, 400).text()
        ('75 % (50 % by guessing)', '40 %, as by guessing (50 %)')
        """
        if self.as_by_guessing:
            return f"{100 * self.value:.0f} %, as by guessing ({100 * self.guessing:.0f} %)"
        return f"{100 * self.value:.0f} % ({100 * self.guessing:.0f} % by guessing)"


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

    def shares(self) -> dict[str, Share]:
        """Shares that were read right: plate glyphs, driver (all attributes, each as often as asked) and vehicle."""
        found = {}
        if self.glyph_accuracy is not None:
            found["plate glyphs"] = Share(self.glyph_accuracy, GLYPH_CHANCE, self.glyphs)
        if asked := sum(score.n for score in self.attributes.values()):
            right = sum(score.n * score.accuracy for score in self.attributes.values())
            frequent = sum(score.n * score.majority for score in self.attributes.values())
            found["driver"] = Share(right / asked, frequent / asked, asked)
        if self.identity_rank_1 is not None and self.gallery_mean:
            found["vehicle"] = Share(self.identity_rank_1, 1 / self.gallery_mean, self.identities)
        return found


def summarise(recoveries: Sequence[Recovery]) -> SecretRecovery:
    """Shares over all that was asked; glyphs count one by one."""
    glyphs = [found.glyphs for found in recoveries]
    right, asked = sum(read for read, _ in glyphs), sum(shown for _, shown in glyphs)
    pairs: dict[str, list[tuple[str, str]]] = {}
    for found in recoveries:
        for name, pair in found.attributes.items():
            pairs.setdefault(name, []).append(pair)
    looked_up = [found for found in recoveries if found.identified is not None]
    count = len(looked_up)
    return SecretRecovery(
        glyphs=asked,
        glyph_accuracy=right / asked if asked else None,
        attributes={name: attribute_score(name, pairs[name]) for name in pairs},
        identities=count,
        identity_rank_1=sum(bool(found.identified) for found in looked_up) / count if count else None,
        gallery_mean=sum(found.gallery for found in looked_up) / count if count else None,
    )


def attribute_score(name: str, pairs: Sequence[tuple[str, str]]) -> AttributeScore:
    """How often an attribute was read right, beside the rate of guessing its commonest value.

    >>> attribute_score("hat", [("cap", "cap"), ("none", "cap"), ("none", "none"), ("none", "none")])
    AttributeScore(n=4, accuracy=0.75, majority=0.5)

    Raises:
        ValueError: no pair of what is so and what was read, or the population is not known to have this attribute.
    """
    if not pairs:
        raise ValueError("an attribute's score needs at least one picture")
    if name not in MOST_FREQUENT:
        raise ValueError(f"{name} is no attribute of the population: {', '.join(MOST_FREQUENT)}")
    right = sum(true == read for true, read in pairs)
    return AttributeScore(len(pairs), right / len(pairs), MOST_FREQUENT[name])
