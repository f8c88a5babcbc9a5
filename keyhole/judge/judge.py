"""Networks of the judge: one tells vehicles apart, one reads number plates, one reads how people look.

Plates and people are read from patches that are cut out flat of slanted regions of the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transform

from keyhole.data.streetcam.lettering import ALPHABET, CELL, GLYPHS, PLATE_PIXELS, glyph_middles
from keyhole.data.streetcam.shot import DRIVER, PASSENGER
from keyhole.targets.architectures import architecture
from keyhole.targets.neck import with_neck
from keyhole.targets.target import Preprocess

Window = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of a region; values outside of [0, 1] lie beyond its edges."""
ARCHITECTURE = "timm:regnetx_002"
"""Neither a ResNet-18 nor a transformer, the networks under attack."""
_LEFT_OUT = ("b6", "b7")
"""Blocks left out of the last stage, ``s4``, whose seven hold most of the weights."""
SIDE = 128
"""Side of the pictures that the embedder takes, in pixels; others are resized."""
PREPROCESS = Preprocess(SIDE)
HEAD_PATCH = 40
"""Side of the patch that shows a head with what is around it."""
_HEAD_WINDOW = (-0.6, -0.6, 1.6, 1.6)
GLYPH_PATCH = (32, 24)
"""Rows and columns of the patch that shows a glyph and a little of its neighbours."""
_HALF = (CELL[0] / 2 + 13) / PLATE_PIXELS[0]
_BEYOND = 0.08


class VehicleEmbedder(nn.Module):
    """RegNetX-200MF (Radosavovic et al. 2020) without its last two blocks, with a BNNeck in its classifier's place.

    1.7 million parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = with_neck(architecture(ARCHITECTURE), None)
        for block in _LEFT_OUT:
            delattr(self.network.get_submodule("s4"), block)

    def forward(self, pictures: Tensor) -> Tensor:
        """Unit vectors, N×368, of RGB pictures in [0, 1], N×3×H×W."""
        if pictures.shape[-2:] != (SIDE, SIDE):
            pictures = transform.resize(pictures, [SIDE, SIDE], antialias=True)
        return F.normalize(self.network(PREPROCESS.normalise(pictures)))


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
            corners: of the plates, N×4×2 pixels, as `rectify` takes them.

        Returns:
            N×6×36, before softmax, in the order of `keyhole.data.streetcam.lettering.ALPHABET`.
        """
        patches = rectify(pictures, corners, _glyph_windows(), GLYPH_PATCH).mean(dim=2, keepdim=True)
        deviation, mean = patches.flatten(1).std(dim=1), patches.flatten(1).mean(dim=1)
        even = (patches - mean.view(-1, 1, 1, 1, 1)) / (deviation.view(-1, 1, 1, 1, 1) + 0.01)
        scores: Tensor = self.classify(even.flatten(0, 1))
        return scores.view(len(pictures), GLYPHS, len(ALPHABET))


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
        patches = rectify(pictures, box_corners(boxes), [_HEAD_WINDOW], (HEAD_PATCH, HEAD_PATCH))[:, 0]
        features = self.features((patches - 0.5) / 0.25)
        return {name: head(features) for name, head in self.heads.items()}


class Judge(nn.Module):
    """The judge of the embedded world; never the model under attack.

    Three networks that share nothing. Plates and people are read from where they are in the *true* picture, which no
    attacker knows: that makes it the strongest honest reader, and what it cannot read is not there to be read.
    Nothing of a label reaches it but the place.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedder = VehicleEmbedder()
        self.plates = PlateReader()
        self.drivers = HeadReader(DRIVER)
        self.passengers = HeadReader(PASSENGER)

    @torch.inference_mode()
    def embed(self, pictures: Tensor) -> Tensor:
        """See `keyhole.judge.reading.SecretReader`; unit vectors, N×368."""
        embeddings: Tensor = self.embedder(pictures)
        return embeddings

    @torch.inference_mode()
    def read_plates(self, pictures: Tensor, corners: Tensor) -> list[str]:
        """See `keyhole.judge.reading.SecretReader`."""
        best = self.plates(pictures, corners).argmax(dim=2).tolist()
        return ["".join(ALPHABET[index] for index in glyphs) for glyphs in best]

    @torch.inference_mode()
    def read_drivers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        """See `keyhole.judge.reading.SecretReader`."""
        return _values(self.drivers(pictures, boxes), DRIVER)

    @torch.inference_mode()
    def read_passengers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        """See `keyhole.judge.reading.SecretReader`."""
        return _values(self.passengers(pictures, boxes), PASSENGER)


def homographies(corners: Tensor) -> Tensor:
    """Projective maps from the unit square to quadrilaterals (Hartley and Zisserman 2004, §4.1, with h₃₃ = 1).

    Args:
        corners: N×4×2, where (0, 0), (1, 0), (1, 1) and (0, 1) go, pixels to the right and down.

    Returns:
        N×3×3 float64: homogeneous pixels of homogeneous points of the square.

    Raises:
        ValueError: not N×4×2, not finite, or three corners of a quadrilateral lie on a line.
    """
    if corners.dim() != 3 or corners.shape[1:] != (4, 2):
        raise ValueError(f"corners are N×4×2, not {tuple(corners.shape)}")
    goal = corners.double()
    if not goal.isfinite().all():
        raise ValueError("corners are not finite")
    sides = goal.roll(-1, dims=1) - goal
    turns = sides[..., 0] * sides.roll(-1, dims=1)[..., 1] - sides[..., 1] * sides.roll(-1, dims=1)[..., 0]
    if (turns.abs() < 1e-6).any():
        raise ValueError("three corners of a region lie on a line")
    u, v = (goal.new_tensor(place).expand(len(goal), 4) for place in ((0.0, 1.0, 1.0, 0.0), (0.0, 0.0, 1.0, 1.0)))
    x, y, zero, one = goal[..., 0], goal[..., 1], torch.zeros_like(u), torch.ones_like(u)
    rows = [
        torch.stack([u, v, one, zero, zero, zero, -u * x, -v * x], dim=-1),
        torch.stack([zero, zero, zero, u, v, one, -u * y, -v * y], dim=-1),
    ]
    solved = torch.linalg.solve(torch.cat(rows, dim=1), torch.cat([x, y], dim=1))
    return torch.cat([solved, one[:, :1]], dim=1).view(-1, 3, 3)


def rectify(pictures: Tensor, corners: Tensor, windows: Sequence[Window], size: tuple[int, int]) -> Tensor:
    """Cut the same windows out of one region of each picture, flat and of one size.

    Args:
        pictures: N×C×H×W.
        corners: N×4×2 pixels: upper left, upper right, lower right, lower left of the region. A pixel's middle is at
            its number plus a half.
        windows: K windows.
        size: rows and columns of a patch.

    Returns:
        N×K×C×rows×columns, bilinear; what lies outside of the picture repeats its edge.

    Raises:
        ValueError: see `homographies`; or not one region for each picture.
    """
    if pictures.dim() != 4 or len(pictures) != len(corners):
        raise ValueError(f"N×C×H×W pictures and N×4×2 corners, not {tuple(pictures.shape)} and {tuple(corners.shape)}")
    maps = homographies(corners).to(pictures.device)
    (rows, columns), (height, width) = size, pictures.shape[-2:]
    points = torch.stack([_points(window, rows, columns) for window in windows]).to(maps)
    placed = torch.einsum("nij,kj->nki", maps, points.view(-1, 3))
    pixels = placed[..., :2] / placed[..., 2:]
    grid = (2 * pixels / pixels.new_tensor([width, height]) - 1).to(pictures.dtype)
    patches = F.grid_sample(
        pictures, grid.view(len(pictures), -1, columns, 2), mode="bilinear", padding_mode="border", align_corners=False
    )
    split = patches.view(len(pictures), pictures.shape[1], len(windows), rows, columns)
    return split.transpose(1, 2).contiguous()


def box_corners(boxes: Tensor) -> Tensor:
    """Corners, N×4×2, of upright boxes, N×4: left, top, right, bottom."""
    left, top, right, bottom = boxes.unbind(dim=1)
    xs, ys = torch.stack([left, right, right, left], dim=1), torch.stack([top, top, bottom, bottom], dim=1)
    return torch.stack([xs, ys], dim=2)


def _values(scores: Mapping[str, Tensor], attributes: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    best = {name: values.argmax(dim=1).tolist() for name, values in scores.items()}
    count = len(next(iter(best.values())))
    return [{name: attributes[name][found[place]] for name, found in best.items()} for place in range(count)]


def _glyph_windows() -> tuple[Window, ...]:
    return tuple((middle - _HALF, -_BEYOND, middle + _HALF, 1 + _BEYOND) for middle in glyph_middles())


def _stage(channels: int, out: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()


def _points(window: Window, rows: int, columns: int) -> Tensor:
    """Homogeneous middles of a patch's pixels in the region, rows×columns×3."""
    left, top, right, bottom = window
    x = left + (right - left) * (torch.arange(columns, dtype=torch.float64) + 0.5) / columns
    y = top + (bottom - top) * (torch.arange(rows, dtype=torch.float64) + 0.5) / rows
    down, across = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([across, down, torch.ones_like(down)], dim=-1)
