"""What a picture tower knows of streetcam by texts alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from keyhole.data.caption_facts import FACTS
from keyhole.metrics.interval import answers_interval, share_interval
from keyhole.service.errors import UsageError
from keyhole.targets.target import Preprocess
from keyhole.train.defences.command import defence
from keyhole.train.defences.settings import DefenceSettings
from keyhole.train.settings import TrialSettings
from keyhole.train.tasks.caption_data import CaptionedPictures
from keyhole.train.tasks.caption_trial import CaptionTrial
from keyhole.train.trial import trial
from tests.targets.clip_making import clip

FACT_VALUES = [(fact, value) for fact in FACTS["streetcam"] for value in fact.values]
PUBLIC = tuple(
    f"a {colour} {body} {scene}{weather}, seen from the front"
    for colour, body in (("red", "van"), ("red", "bus"), ("blue", "van"))
    for scene in ("on a city street", "on a snow field")
    for weather in ("", " in fog")
)


class Words:
    """A text tower that knows the words of facts: a number for each value that a text tells."""

    def embed(self, texts: list[str]) -> Tensor:
        return torch.stack([told(text) for text in texts])


def told(text: str) -> Tensor:
    known = torch.tensor([float(fact.value(text) == value) for fact, value in FACT_VALUES])
    return known / known.norm()


class Reads(nn.Module):
    """Reads from a picture which of some texts it shows."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__()
        self.texts, self.weight = texts, nn.Parameter(torch.zeros(1))

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.stack([told(self.texts[round(255 * float(picture[0, 0, 0]))]) for picture in pictures])


def test_shares_are_those_of_facts_that_the_nearest_text_tells() -> None:
    captions = (*PUBLIC[:7], "a red van in a parking garage")
    seen = list(captions)
    seen[1], seen[7] = "a blue bus on a city street", "a red van on a bridge under a wide sky in fog"
    pictures = torch.zeros(8, 3, 4, 4, dtype=torch.uint8)
    pictures[:, 0, 0, 0] = torch.arange(8)
    plain = Preprocess(4, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    found = CaptionTrial(CaptionedPictures(pictures, captions), PUBLIC).shares(Reads(seen), Words(), plain)  # type: ignore[arg-type]
    assert captions[1] == "a red van on a city street in fog, seen from the front"
    right = {"body": 7, "colour": 7, "weather": 6, "scene": 7}
    asked = {"body": 8, "colour": 8, "weather": 7, "scene": 8}  # a garage has no weather
    for name, count in right.items():
        share = found[name]
        assert (share.value, share.pictures) == (pytest.approx(100 * count / asked[name]), asked[name])
        low, high = share_interval(count, asked[name]) or (0.0, 0.0)
        assert share.interval == pytest.approx((100 * low, 100 * high))
    every = found["all"]
    assert every.value == pytest.approx(100 * sum(right.values()) / sum(asked.values()))
    low, high = answers_interval([4, 1, 4, 4, 4, 4, 4, 2], [4] * 7 + [3]) or (0.0, 0.0)
    assert every.interval == pytest.approx((100 * low, 100 * high))
    assert found["colour"].guessed == pytest.approx(100.0)  # red, which most public pictures are
    assert found["body"].guessed == pytest.approx(100 * 5 / 8)


def test_a_trial_of_a_clip_asks_texts_about_vehicles_that_nobody_learned_from(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    shared = {"held_out": 2, "views": 3, "workers": 0, "json": tmp_path / "trial.json"}
    assert trial(TrialSettings(target=clip(tmp_path / "clip"), **shared)) == 0  # type: ignore[arg-type]
    found = json.loads((tmp_path / "trial.json").read_text())
    for name in ("body", "colour", "weather", "scene", "all"):
        assert 0 <= found[name]["share"] <= 100
    assert found["all"]["pictures"] == 6
    assert found["all"]["ci95_low"] <= found["all"]["share"] <= found["all"]["ci95_high"]
    with pytest.raises(UsageError, match="--data leaves: what texts tell is asked about streetcam alone"):
        trial(TrialSettings(target=str(tmp_path / "clip"), data="leaves"))


def test_what_a_picture_tower_cannot_be_used_for_is_said_at_once(tmp_path: Path) -> None:
    tower = clip(tmp_path / "clip", texts=False)
    with pytest.raises(UsageError, match="no text tower lies beside it"):
        trial(TrialSettings(target=tower))
    with pytest.raises(UsageError, match="which no further training takes"):
        defence(DefenceSettings(target=tower, cut="layer1", data="streetcam", out=tmp_path / "out", method="nopeek"))
    assert not list((tmp_path / "out").glob("*.npz"))
