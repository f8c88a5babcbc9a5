"""``keyhole train prior``: every kind of prior by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from keyhole.service.errors import UsageError
from keyhole.train.prior.command import prior
from keyhole.train.prior.conditional import conditional
from keyhole.train.prior.pairs import pair
from keyhole.train.prior.settings import TARGETED, KindName, PriorSettings
from keyhole.train.prior.students import students

KINDS: Mapping[KindName, Callable[[PriorSettings], int]] = MappingProxyType(
    {"diffusion": prior, "cdm": conditional, "gan": pair, "inversion-gan": pair, "cgan": pair, "students": students}
)
"""What trains each kind from its settings, and returns the exit code."""


def train_prior(settings: PriorSettings) -> int:
    """Train a prior of the kind that the settings name; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        UsageError: settings, a target or an autoencoder that will not do.
        ValueError: damaged data.
    """
    if (settings.kind in TARGETED) != (settings.target is not None):
        raise UsageError(
            f"--kind {settings.kind} learns from the answers of the classifier that is attacked: give --target"
            if settings.target is None
            else f"--target {settings.target}: a prior of kind {settings.kind} is of no target; expected --kind "
            f"{' or '.join(TARGETED)}"
        )
    return KINDS[settings.kind](settings)
