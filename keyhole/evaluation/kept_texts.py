"""Which of several texts an attacker kept for each picture, beside the pictures of a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keyhole.service.files import replacing

_FILE = "texts.json"


@dataclass(frozen=True)
class KeptTexts:
    """The texts of the pictures of a cut.

    Attributes:
        folder: of these pictures; made when needed.
    """

    folder: Path

    def keep(self, texts: Iterable[tuple[int, str]]) -> None:
        """Store texts by the numbers of their pictures; nothing where there are none."""
        more = {str(index): text for index, text in texts}
        if more:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self.folder / _FILE) as unfinished:
                unfinished.write_text(json.dumps({**self._read(), **more}, ensure_ascii=False))

    def of(self, indices: Iterable[int]) -> list[str]:
        """The texts of pictures by their numbers; empty where an attack had none to choose from."""
        kept = self._read()
        return [kept[str(index)] for index in indices if str(index) in kept]

    def _read(self) -> dict[str, str]:
        file = self.folder / _FILE
        return json.loads(file.read_text()) if file.is_file() else {}


def kept_text(attack: str, texts: Sequence[str]) -> str:
    """How often each text was kept, as a sentence.

    >>> kept_text("diffusion-white layer3", ["a red van", "a bus", "a red van"])
    "diffusion-white layer3 kept 'a red van' for 2 of 3 pictures, 'a bus' for 1, by their features alone."
    """
    (first, most), *others = Counter(texts).most_common()
    counts = [f"{first!r} for {most} of {len(texts)} pictures", *(f"{text!r} for {count}" for text, count in others)]
    return f"{attack} kept {', '.join(counts)}, by their features alone."
