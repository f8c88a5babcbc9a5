"""The network that answers what the judge is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from keyhole.data.streetcam.lettering import ALPHABET
from keyhole.data.streetcam.shot import DRIVER, PASSENGER
from keyhole.judge.identity import Embedder
from keyhole.judge.people import HeadReader
from keyhole.judge.plate import PlateReader


class Judge(nn.Module):
    """The judge of the embedded world; never the model under attack.

    Three networks that share nothing. Plates and people are read from where they are in the *true* picture, which no
    attacker knows: that makes it the strongest honest reader, and what it cannot read is not there to be read.
    Nothing of a label reaches it but the place.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedder = Embedder()
        self.plates = PlateReader()
        self.drivers = HeadReader(DRIVER)
        self.passengers = HeadReader(PASSENGER)

    @torch.inference_mode()
    def embed(self, pictures: Tensor) -> Tensor:
        """See `keyhole.judge.reader.Reader`; unit vectors, N×368."""
        embeddings: Tensor = self.embedder(pictures)
        return embeddings

    @torch.inference_mode()
    def read_plates(self, pictures: Tensor, corners: Tensor) -> list[str]:
        """See `keyhole.judge.reader.Reader`."""
        best = self.plates(pictures, corners).argmax(dim=2).tolist()
        return ["".join(ALPHABET[index] for index in glyphs) for glyphs in best]

    @torch.inference_mode()
    def read_drivers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        """See `keyhole.judge.reader.Reader`."""
        return _values(self.drivers(pictures, boxes), DRIVER)

    @torch.inference_mode()
    def read_passengers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        """See `keyhole.judge.reader.Reader`."""
        return _values(self.passengers(pictures, boxes), PASSENGER)


def _values(scores: Mapping[str, Tensor], attributes: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    best = {name: values.argmax(dim=1).tolist() for name, values in scores.items()}
    count = len(next(iter(best.values())))
    return [{name: attributes[name][found[place]] for name, found in best.items()} for place in range(count)]
