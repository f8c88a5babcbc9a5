"""Thresholds: what a judge read from thumbnails, kept beside its weights, and the size at which an alarm starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from keyhole.data import open_source, take_samples
from keyhole.judge.examination import enrol
from keyhole.judge.judge import SIDE
from keyhole.judge.legibility import Legibility
from keyhole.judge.loading import SHIPPED, JudgeError, load_judge, read_judge_card
from keyhole.targets.stored_weights import CARD

LEGIBILITY = "legibility.json"
"""Name of the file beside a judge's weights."""
SOURCE = "streetcam"


@dataclass(frozen=True)
class MeasuredLegibility:
    """What a judge read from thumbnails of true pictures, and how that was measured.

    Attributes:
        legibility: by side and secret.
        pictures: of the pool ``audit`` of streetcam, at `SIDE` pixels.
        vehicles: in them, among which each was looked up.
        seed: of the pictures.
        command: that measures it again.
        judge: SHA-256 of the judge's weights.
    """

    legibility: Legibility
    pictures: int
    vehicles: int
    seed: int
    command: str
    judge: str

    @classmethod
    def measure(
        cls, folder: Path, count: int, seed: int, command: str, stepped: Callable[[str], object] = lambda _: None
    ) -> MeasuredLegibility:
        """Ask the judge in a folder about thumbnails of audit pictures.

        Args:
            folder: of the judge.
            count: pictures.
            seed: of the pictures; another than 0, so that they are none of those that attacks are scored on.
            command: for the record.
            stepped: told what is done next, and called after each vehicle and each side.

        Raises:
            JudgeError: see `keyhole.judge.loading.load_judge`.
        """
        judge = load_judge(folder)
        stream = open_source(SOURCE, pool="audit", size=SIDE, seed=seed, secrets=True)
        samples = take_samples(stream, count)
        labels = [sample.secrets for sample in samples if sample.secrets]
        gallery: dict[str, Tensor] = {}
        for identity in dict.fromkeys(label.identity for label in labels):
            gallery |= enrol(judge, [identity])
            stepped("enrolling vehicles")
        pictures = torch.stack([sample.picture for sample in samples])
        found = Legibility.measure(judge, pictures, labels, gallery, lambda: stepped("asking about thumbnails"))
        return cls(found, count, len(gallery), seed, command, read_judge_card(folder).sha256)

    def save(self, folder: Path) -> None:
        """Write it beside the judge's weights."""
        facts = {name: value for name, value in vars(self).items() if name != "legibility"}
        text = json.dumps({**facts, "legibility": self.legibility.as_json()}, separators=(",", ":"))
        (folder / LEGIBILITY).write_text(text + "\n", encoding="utf-8")


def read_legibility(folder: Path = SHIPPED) -> MeasuredLegibility | None:
    """What the judge in a folder read when it was measured; None where it was not.

    Raises:
        JudgeError: no judge there, the file is none of these, or of other weights.
    """
    path = folder / LEGIBILITY
    if not path.is_file():
        return None
    again = f"`keyhole legibility --judge {folder}` measures it again"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        found = MeasuredLegibility(**{**stored, "legibility": Legibility.from_json(stored["legibility"])})
    except (ValueError, KeyError, TypeError) as error:
        raise JudgeError(f"{path} does not hold what a judge read from thumbnails: {error}; {again}") from error
    if found.judge != read_judge_card(folder).sha256:
        raise JudgeError(f"{path} is of other weights than those that {folder / CARD} describes; {again}")
    return found
