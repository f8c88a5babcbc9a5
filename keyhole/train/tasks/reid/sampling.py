"""PK batches: P identities, K pictures of each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from pytorch_metric_learning.samplers import MPerClassSampler
from torch import Tensor

from keyhole.service.errors import UsageError


def pk_batches(identities: Tensor, batch: int, per_identity: int, seed: int) -> Iterator[Tensor]:
    """About as many pictures as there are, in batches of ``batch / per_identity`` identities.

    An identity that has fewer pictures than ``per_identity`` gives some of them twice.

    Args:
        identities: N integers; `check_pk` holds for them.
        batch: pictures in a batch.
        per_identity: pictures of each identity in a batch.
        seed: of the order.

    Yields:
        ``batch`` indices into ``identities``.
    """
    kept = np.random.get_state()  # the sampler draws from numpy's generator
    try:
        np.random.seed(seed)
        order = list(MPerClassSampler(identities, per_identity, batch, length_before_new_iter=len(identities)))
    finally:
        np.random.set_state(kept)
    yield from torch.split(torch.tensor(order), batch)


def check_pk(identities: Tensor, batch: int, per_identity: int) -> None:
    """Refuse batches that cannot be made or that cannot be mined.

    Raises:
        ValueError: ``batch`` is no multiple of ``per_identity``; fewer than two identities or two pictures of each in a
            batch; or fewer identities or pictures than a batch needs.
    """
    if per_identity < 2 or batch % per_identity or batch // per_identity < 2:
        raise UsageError(
            f"batches of {batch} pictures, {per_identity} of each identity: expected 2 or more of each, and a multiple "
            "of that for 2 identities or more"
        )
    needed, found = batch // per_identity, len(set(identities.tolist()))
    if needed > found or batch > len(identities):
        raise UsageError(
            f"a batch of {batch} needs {needed} identities with {per_identity} pictures each; there are {found} "
            f"identities and {len(identities)} pictures"
        )
