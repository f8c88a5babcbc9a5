"""Reads how the people behind the glass look, from where the truth says that they sit."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from keyhole.judge.rectify import box_corners, rectify

PATCH = 40
"""Side of the patch that shows a head with what is around it."""
_WINDOW = (-0.6, -0.6, 1.6, 1.6)


class HeadReader(nn.Module):
    """A convolutional network with one classifier for each attribute. 0.3 million parameters.

    Args:
        attributes: values by name.
    """

    def __init__(self, attributes: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_stage(3, 32), *_stage(32, 48, stride=2), *_stage(48, 72, stride=2), *_stage(72, 96, stride=2),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(96 * 5 * 5, 64), nn.ReLU(),
        )  # fmt: skip
        self.heads = nn.ModuleDict({name: nn.Linear(64, len(values)) for name, values in attributes.items()})

    def forward(self, pictures: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        """Scores of each attribute's values.

        Args:
            pictures: RGB in [0, 1], N×3×H×W.
            boxes: of the heads, N×4 pixels: left, top, right, bottom.

        Returns:
            N×V by name, before softmax, in the order of the attribute's values.
        """
        patches = rectify(pictures, box_corners(boxes), [_WINDOW], (PATCH, PATCH))[:, 0]
        features = self.features((patches - 0.5) / 0.25)
        return {name: head(features) for name, head in self.heads.items()}


def _stage(channels: int, out: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
