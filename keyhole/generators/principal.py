"""Principal components of public pictures, or of their latents, as the variable: a Gaussian prior in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from keyhole.generators.latents import Decoder

COMPONENTS = 512
"""Most components. Of faces at 64 pixels they keep 28 dB."""
_FITTED = 4096
_LATENTS = 2048
_BATCH = 32
_SEED = 0


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """Pictures as a mean and components whose coordinates have variance 1 over public pictures.

    The variable is the coordinates, N×K; a standard normal one makes the Gaussian that public pictures have along these
    components. What the components leave out cannot be shown.

    Attributes:
        mean: D numbers.
        axes: K×D: orthogonal, each as long as the deviation of public pictures along it.
        shape: of what is made of them, C×h×w: a picture, or a latent.
        encode: pictures N×3×H×W to what the components are of.
        decode: back.
    """

    mean: Tensor
    axes: Tensor
    shape: tuple[int, ...]
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]

    @property
    def count(self) -> int:
        """K."""
        return len(self.axes)

    def __call__(self, variable: Tensor) -> Tensor:
        """Pictures N×3×H×W, of coordinates N×K."""
        return self.decode((self.mean + variable @ self.axes).view(-1, *self.shape))

    def variable(self, pictures: Tensor) -> Tensor:
        """Coordinates N×K of pictures N×3×H×W."""
        away = self.encode(pictures).flatten(1) - self.mean
        return away @ self.axes.T / self.axes.square().sum(dim=1)


@lru_cache(maxsize=2)
def components_of_pictures(public: Callable[[], Tensor], device: torch.device) -> PrincipalComponents:
    """Of the first 4,096 public pictures: 512 components, or one less than there are pictures.

    Args:
        public: gives the pictures, N×3×H×W; asked once for all who ask for the same.
        device: where it computes.

    Raises:
        ValueError: fewer than two pictures.
    """
    return _fitted(public()[:_FITTED], device, _same, _same)


@lru_cache(maxsize=2)
@torch.inference_mode(False)
@torch.no_grad()
def components_of_latents(public: Callable[[], Tensor], decoder: Decoder, device: torch.device) -> PrincipalComponents:
    """Of the latents that an autoencoder makes of the first 2,048 public pictures.

    Args:
        public: see `components_of_pictures`.
        decoder: of the autoencoder.
        device: where it computes.

    Raises:
        ValueError: fewer than two pictures.
    """
    parts = torch.split(public()[:_LATENTS], _BATCH)
    latents = torch.cat([decoder.encode(part.to(device)).cpu() for part in parts])
    return _fitted(latents, device, decoder.encode, decoder.decode)


def _fitted(
    shown: Tensor, device: torch.device, encode: Callable[[Tensor], Tensor], decode: Callable[[Tensor], Tensor]
) -> PrincipalComponents:
    from sklearn.decomposition import PCA  # noqa: PLC0415 - slow to import, and few attacks search in components

    if len(shown) < 2:
        raise ValueError(f"{len(shown)} public pictures have no principal components: expected two or more")
    flat = shown.flatten(1).float()
    count = min(COMPONENTS, len(flat) - 1, flat.shape[1])
    found = PCA(count, svd_solver="randomized", iterated_power=3, random_state=_SEED).fit(flat.numpy())
    deviations = torch.from_numpy(found.explained_variance_).float().sqrt()
    axes = torch.from_numpy(found.components_).float() * deviations[:, None]
    real = deviations > _LEAST * deviations[0]
    mean = torch.from_numpy(found.mean_).float()
    return PrincipalComponents(mean.to(device), axes[real].to(device), tuple(shown.shape[1:]), encode, decode)


_LEAST = 1e-4


def _same(pictures: Tensor) -> Tensor:
    return pictures
