"""Reads number plates, glyph by glyph, from where the truth says that they are."""

from __future__ import annotations

from torch import Tensor, nn

from keyhole.data.streetcam.lettering import ALPHABET, CELL, GLYPHS, PLATE_PIXELS, glyph_middles
from keyhole.judge.rectify import Window, rectify

PATCH = (32, 24)
"""Rows and columns of the patch that shows a glyph and a little of its neighbours."""
_HALF = (CELL[0] / 2 + 13) / PLATE_PIXELS[0]
_BEYOND = 0.08


def _windows() -> tuple[Window, ...]:
    return tuple((middle - _HALF, -_BEYOND, middle + _HALF, 1 + _BEYOND) for middle in glyph_middles())


class PlateReader(nn.Module):
    """A convolutional classifier that all glyphs of a plate share; brightness and contrast of the plate are evened out.

    0.2 million parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self.classify = nn.Sequential(
            *_stage(1, 24), *_stage(24, 48, stride=2), *_stage(48, 64, stride=2), *_stage(64, 96),
            *_stage(96, 96, stride=2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(96 * 4 * 3, len(ALPHABET)),
        )  # fmt: skip

    def forward(self, pictures: Tensor, corners: Tensor) -> Tensor:
        """Scores of the glyphs.

        Args:
            pictures: RGB in [0, 1], N×3×H×W.
            corners: of the plates, N×4×2 pixels, as `keyhole.judge.rectify.rectify` takes them.

        Returns:
            N×6×36, before softmax, in the order of `keyhole.data.streetcam.lettering.ALPHABET`.
        """
        patches = rectify(pictures, corners, _windows(), PATCH).mean(dim=2, keepdim=True)
        deviation, mean = patches.flatten(1).std(dim=1), patches.flatten(1).mean(dim=1)
        even = (patches - mean.view(-1, 1, 1, 1, 1)) / (deviation.view(-1, 1, 1, 1, 1) + 0.01)
        scores: Tensor = self.classify(even.flatten(0, 1))
        return scores.view(len(pictures), GLYPHS, len(ALPHABET))


def _stage(channels: int, out: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
