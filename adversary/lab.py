"""What the flags of this adversary let it find out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, partial

from adversary.knowledge import BlackBox, Lab, WhiteBox
from adversary.oracle import RemoteOracle
from adversary.priors.prior import Prior, load_prior
from adversary.public import public_pictures
from adversary.settings import AdversarySettings
from keyhole.partition import partitioned
from keyhole.targets import ModelSettings
from keyhole.targets.catalogue import Catalogue
from keyhole.targets.load import assemble
from keyhole.wire.channel import connect


def lab(settings: AdversarySettings, stack: ExitStack, role: str) -> Lab:
    """The knowledge of a running adversary; its channels are closed with the stack.

    Args:
        settings: flags.
        stack: outlives the attacks.
        role: whose certificate to show.
    """

    prior = cache(partial(load_prior, settings.prior))

    def black() -> BlackBox:
        size = picture_size(settings)
        channel = stack.enter_context(connect(settings.oracle, tls=settings.tls, role=role))
        return BlackBox(RemoteOracle(channel), public_pictures(settings.public, size, settings.seed), size, prior)

    return Lab(lambda: white_box(settings, prior), black)


def white_box(settings: ModelSettings, prior: Callable[[], Prior]) -> WhiteBox:
    """The head that the flags name, beside a prior.

    Raises:
        TargetError: no such target or weights.
        CutError: no such cut.
    """
    target, partition = partitioned(settings)
    return WhiteBox(partition.head, target.preprocess.normalise, target.preprocess.size, prior)


def picture_size(settings: ModelSettings) -> int:
    """Side of the target's pictures in pixels, from its architecture alone.

    Raises:
        TargetError: no such target.
    """
    if settings.size is not None:
        return settings.size
    entry = Catalogue().find(settings.target)
    if entry is None:
        return assemble(settings.target, size=None).preprocess.size
    return entry.family.facts(entry.name).preprocess.size
