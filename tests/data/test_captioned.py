"""Samples that are chosen by their captions."""

from __future__ import annotations

from itertools import cycle, islice

import pytest
import torch

from keyhole.data.captioned import saying
from keyhole.data.sample import Sample
from keyhole.data.streetcam.stream import Streetcam
from keyhole.service.errors import UsageError


def samples(*captions: str | None) -> list[Sample]:
    return [Sample(torch.full((3, 2, 2), place / 255), caption=caption) for place, caption in enumerate(captions)]


def test_samples_whose_captions_hold_the_words_come_in_their_order() -> None:
    source = cycle(samples("a van in fog", None, "a bus in snow", "a van in snow"))
    found = [sample.caption for sample in islice(saying(source, "in snow", "here"), 3)]
    assert found == ["a bus in snow", "a van in snow", "a bus in snow"]


def test_words_that_no_caption_holds_are_told_from_a_source_without_captions() -> None:
    with pytest.raises(UsageError, match="--source here on end none says it"):
        next(saying(cycle(samples("a van", None)), "boat", "here"))
    with pytest.raises(UsageError, match="--source leaves on end none has a caption"):
        next(saying(cycle(samples(None)), "boat", "leaves"))


def test_captions_of_the_stream_are_known_without_drawing() -> None:
    stream = Streetcam("audit", size=64)
    assert [stream.caption_at(index) for index in range(3)] == [stream.item(index).caption for index in range(3)]
