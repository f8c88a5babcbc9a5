"""Flags of ``keyhole layers``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.sizes import OptionalSizeFlag


@dataclass(frozen=True)
class LayersSettings:
    """How much each layer of a classifier matters to its task, and to who reconstructs the people it was trained on.

    The measure is Fisher information, as in TL-DMI (Ho et al. 2024, Eq. 2 and 3): the mean over pictures of the squared
    gradient of a loss, then the mean over a layer's weights. The task's loss is cross-entropy on held-back pictures;
    the inversion's is the distance of reconstructions to the private pictures of their class, in the activations before
    the last layer. The paper finds the first layers to matter to inversion and the last to the task, and so freezes the
    first. Look whether yours agree:

        keyhole invert --target runs/lfw --private lfw-112.zip --public lfw-112.zip --judge mobilefacenet.npz \\
            --attacks latent --per-class 5 --out runs/inverted
        keyhole layers runs/lfw --private lfw-112.zip --reconstructions runs/inverted/latent --plot layers.png
    """

    target: tyro.conf.Positional[str]
    """Classifier: the FOLDER of `keyhole train target --task classification`, defended:FOLDER, or another target."""
    private: str = "streetcam"
    """Private pictures that it was trained on, as for `keyhole train target --data`."""
    reconstructions: Path | None = None
    """Folder of reconstructions, CLASS/NUMBER.png with the class's number or name, as `keyhole invert --out` leaves one
    for each attack. Absent: the task alone."""
    whole: bool = False
    """A row for each part of the network (layer1), not for each convolution and linear layer."""
    n: int = 500
    """Pictures for each of the two, at most, taken at even steps. Each costs one pass forward and back."""
    weights: str | None = None
    """Weights of the target: a file. Absent: those that come with it."""
    size: OptionalSizeFlag = None
    """Size of the picture in pixels. Absent: the target's own."""
    part: str = ""
    """What of --private the target was trained on, as for `keyhole train target`."""
    identities: int | None = None
    """As for `keyhole train target`."""
    views: int | None = None
    """As for `keyhole train target`."""
    held_back: float = 0.25
    """As for `keyhole train target`."""
    private_seed: int = 0
    """Seed of which pictures are held back: the --seed of the target's training."""
    pictures: Path | None = None
    """Folder where drawn pictures of streetcam are kept, such as the --out of the target's training."""
    workers: int = 2
    """Processes that draw or read pictures, once."""
    json: Path | None = None
    """File that the figures are also written to, as JSON."""
    plot: Path | None = None
    """File for a plot of both over the layers, PNG."""

    def inversion(self) -> InvertSettings:
        """The flags that `keyhole invert` has too."""
        names = ("private", "part", "identities", "views", "held_back", "private_seed", "workers", "size", "weights")
        shared: dict[str, Any] = {name: getattr(self, name) for name in names}
        return InvertSettings(target=self.target, **shared)
