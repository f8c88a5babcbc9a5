"""Flags of the cloud."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.service.secret import SecretFile
from keyhole.service.settings import ServiceSettings
from keyhole.targets.settings import ModelSettings


@dataclass(frozen=True)
class CloudSettings(ServiceSettings, ModelSettings):
    """Finish the inference of the frames that edges send, and serve the tap.

    Frames that arrive together share one forward pass. Frames of another model, cut or shape are refused with what
    was expected.
    """

    listen: str = "127.0.0.1:50051"
    """Address to serve on; port 0 takes a free one, which the log names."""
    tap_token: SecretFile | None = None
    """File of the secret that opens the tap to a subscriber; or KEYHOLE_CLOUD_TAP_TOKEN, the secret itself. Absent: the
    tap is off."""
    tap_queue: int = 32
    """Frames held for each subscriber of the tap; beyond that the oldest is dropped and counted."""
    max_batch: int = 8
    """Most frames that share a forward pass."""
    max_wait_ms: float = 2.0
    """Longest wait, in milliseconds, for frames that are still being decoded. A lone frame never waits."""
