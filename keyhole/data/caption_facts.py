"""Facts that captions tell in set phrases: what zero-shot answers are compared with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

_ARTICLE = re.compile(r"\ban?(?= (\w))")


@dataclass(frozen=True)
class CaptionFact:
    """A fact that a caption tells by one of some phrases.

    Attributes:
        name: of the fact.
        phrases: what a caption says, by the fact's value; one of them may be empty: it says nothing of it.
        unless: a phrase of the captions that do not tell the fact.
    """

    name: str
    phrases: Mapping[str, str]
    unless: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """All values."""
        return tuple(self.phrases)

    def value(self, caption: str) -> str | None:
        """The value that a caption tells; None where it tells none."""
        if self.unless and self.unless in caption:
            return None
        if found := self._pattern.search(caption):
            return self._of[found.group()]
        return self._of.get("")

    def restated(self, caption: str, value: str) -> str | None:
        """The caption with another value; None where no phrase of the fact stands in it.

        >>> CaptionFact("colour", {"red": "red", "orange": "orange"}).restated("a red van", "orange")
        'an orange van'
        """
        if self.value(caption) is None or not self._pattern.search(caption):
            return None
        told = " ".join(self._pattern.sub(self.phrases[value], caption, count=1).split()).replace(" ,", ",")
        return _ARTICLE.sub(lambda found: "an" if found.group(1) in "aeiou" else "a", told)

    @cached_property
    def _of(self) -> Mapping[str, str]:
        return {phrase: value for value, phrase in self.phrases.items()}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest = sorted(filter(None, self.phrases.values()), key=len, reverse=True)
        return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest))})\b")


def _same(*values: str) -> Mapping[str, str]:
    return MappingProxyType({value: value for value in values})


_STREETCAM = (
    CaptionFact("body", _same("hatchback", "sedan", "estate", "SUV", "van", "pickup truck", "truck", "bus")),
    CaptionFact(
        "colour",
        _same(
            "white", "silver", "grey", "black", "blue", "light blue", "red", "green", "beige", "brown", "orange",
            "yellow", "purple",
        ),
    ),
    CaptionFact(
        "weather",
        MappingProxyType({"clear": "", "rain": "in the rain", "snow": "in falling snow", "fog": "in fog"}),
        unless="in a parking garage",
    ),
    CaptionFact(
        "scene",
        MappingProxyType(
            {
                "street": "on a city street",
                "grassland": "on a gravel road through grassland",
                "snow field": "on a snow field",
                "bridge": "on a bridge under a wide sky",
                "garage": "in a parking garage",
            }
        ),
    ),
)  # fmt: skip
FACTS: Mapping[str, tuple[CaptionFact, ...]] = MappingProxyType({"streetcam": _STREETCAM})
"""Facts that the captions of a picture source tell, by its name."""
