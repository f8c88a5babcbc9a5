"""Networks that some metrics need and that are too large to ship: looked for, never fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from keyhole.service.errors import UsageError


class MissingWeightsError(UsageError):
    """The weights of a metric are not on this machine; the message says where to get and to put them."""


@dataclass(frozen=True)
class Weights:
    """A file in torch's hub folder (``$TORCH_HOME/hub/checkpoints``, by default under ``~/.cache/torch``).

    Attributes:
        purpose: the metrics that need it.
        url: where it is published; the last part is the file's name.
    """

    purpose: str
    url: str

    @property
    def path(self) -> Path:
        """Where the file is expected."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rpartition("/")[2]

    @property
    def present(self) -> bool:
        """Whether the file is there."""
        return self.path.is_file()

    def require(self) -> Path:
        """The file's path.

        Raises:
            MissingWeightsError: it is not there.
        """
        if not self.present:
            raise MissingWeightsError(
                f"{self.purpose} needs weights that are not here: download {self.url} and save it as {self.path}"
            )
        return self.path
