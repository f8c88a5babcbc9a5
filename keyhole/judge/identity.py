"""Judges of identity: embedders that are no network under attack, and say who or what a picture shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.extensions import ExtensionError, load_extension
from keyhole.judge.loading import SHIPPED, load_judge
from keyhole.judge.mxnet_graph import MxnetGraph
from keyhole.nn.device import CPU
from keyhole.service.errors import UsageError

SIDE = 112
"""Of the pictures that MobileFaceNet takes."""
FACES_THRESHOLD = 0.265
"""Cosine above which MobileFaceNet takes two aligned faces for one person: 99.3 % right on LFW's pairs."""
_SYMBOL = "_symbol.json"


@dataclass(frozen=True)
class IdentityJudge:
    """An embedder and what it decides by.

    Attributes:
        name: what it is called in tables.
        embedder: RGB pictures in [0, 1], N×3×H×W, to N×D, see `embed`.
        threshold: cosine above which two pictures show the same; None: it has none, and verifies nothing.
    """

    name: str
    embedder: Callable[[Tensor], Tensor]
    threshold: float | None = None

    @torch.inference_mode()
    def embed(self, pictures: Tensor, batch: int = 32, stepped: Callable[[int], object] = lambda _: None) -> Tensor:
        """Unit vectors N×D of RGB pictures in [0, 1], N×3×H×W.

        Args:
            pictures: of any size that the embedder takes.
            batch: pictures at a time.
            stepped: called with the number of pictures after each batch.

        Raises:
            UsageError: the embedder does not make as many finite vectors.
        """
        made = []
        for part in torch.split(pictures, batch):
            vectors = self.embedder(part)
            if not isinstance(vectors, Tensor) or vectors.dim() != 2 or len(vectors) != len(part):
                got = tuple(vectors.shape) if isinstance(vectors, Tensor) else type(vectors).__name__
                raise UsageError(f"--judge {self.name}: of {len(part)} pictures it made {got}, expected N×D")
            if not vectors.isfinite().all():
                raise UsageError(f"--judge {self.name}: its embeddings are not finite")
            made.append(F.normalize(vectors.float(), dim=1).cpu())
            stepped(len(part))
        return torch.cat(made)


class FaceEmbedder:
    """MobileFaceNet (Chen et al. 2018) as InsightFace published it for MXNet, whose graph centres and scales pixels.

    Args:
        arrays: ``mobilefacenet.npz``; the symbol lies beside it, ``mobilefacenet_symbol.json``.
        device: where it computes.

    Raises:
        UsageError: a file is missing or holds another kind of network.
    """

    def __init__(self, arrays: Path, device: torch.device = CPU) -> None:
        symbol = arrays.with_name(arrays.stem + _SYMBOL)
        if not symbol.is_file():
            raise UsageError(f"--judge {arrays}: its graph {symbol.name} is not beside it")
        self._network = MxnetGraph.load(arrays, symbol).to(device)
        self._device = device

    def __call__(self, pictures: Tensor) -> Tensor:
        """N×128 of aligned faces N×3×H×W in [0, 1]; other sizes are resized bilinearly."""
        sized = F.interpolate(
            pictures.float(), (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=pictures.shape[-1] > SIDE
        )
        vectors: Tensor = self._network(255 * sized.to(self._device))
        return vectors


def open_identity_judge(spec: str | None, device: torch.device = CPU) -> IdentityJudge:
    """The judge of that name.

    Args:
        spec: None: the shipped judge, which tells vehicles of streetcam apart; a folder that `keyhole train judge`
            made; ``mobilefacenet.npz`` with its symbol beside it, for faces; or ``package.module:Name``: a class or
            function that is called with nothing (a class) or with pictures (a function), and embeds pictures, N×3×H×W
            in [0, 1], as N×D. A class may have ``threshold``.
        device: where MobileFaceNet computes.

    Raises:
        UsageError: no such judge.
    """
    if spec is None:
        return IdentityJudge("streetcam", load_judge(SHIPPED).embed)
    path = Path(spec).expanduser()
    if path.suffix == ".npz":
        if not path.is_file():
            raise UsageError(f"--judge {spec}: no such file")
        return IdentityJudge(path.stem, FaceEmbedder(path, device), FACES_THRESHOLD)
    if path.is_dir():
        return IdentityJudge(path.name, load_judge(path).embed)
    if ":" not in spec:
        raise UsageError(
            f"--judge {spec}: expected mobilefacenet.npz (with mobilefacenet_symbol.json beside it), a folder that "
            "`keyhole train judge` made, or package.module:Class of your own"
        )
    try:
        found = load_extension(spec)
    except ExtensionError as error:
        raise UsageError(f"--judge: cannot load {error}") from error
    embedder = found() if isinstance(found, type) else found
    if not callable(embedder):
        raise UsageError(f"--judge {spec}: expected an embedder of pictures, got {type(embedder).__name__}")
    return IdentityJudge(spec, embedder, getattr(embedder, "threshold", None))
