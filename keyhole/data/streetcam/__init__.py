"""The embedded world: an endless, seeded stream of surveillance pictures of vehicles, drawn on the spot."""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
    from keyhole.data.streetcam.shot import Secrets, Shot
    from keyhole.data.streetcam.stream import Streetcam

__all__ = ["Secrets", "Shot", "Streetcam"]

__getattr__ = lazily(
    __name__, {"keyhole.data.streetcam.shot": ("Secrets", "Shot"), "keyhole.data.streetcam.stream": ("Streetcam",)}
)
