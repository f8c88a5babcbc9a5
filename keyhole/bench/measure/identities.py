"""Rank-1 of a re-identification."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from torch import nn

from keyhole.bench.records import Accuracy, Design
from keyhole.bench.setup import Setup, Terms
from keyhole.evaluation.reidentification import Trial, read_trial
from keyhole.sizes import Size
from keyhole.targets import Target
from keyhole.terminal import terminal
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.reid.parts import Parts, open_parts

CACHE = "cache"


def rank_1(design: Design, network: nn.Module, target: Target, setup: Setup) -> Accuracy:
    """Rank-1 on identities that were not trained on, as `keyhole train target` measures it.

    Arguments are those of `bench.measure.classes.top_1`.

    Raises:
        FileNotFoundError: no pictures there.
        ValueError: pictures without identity, or too few.
    """
    found = _trial(setup.terms, target.preprocess.size, setup.run.resolve() / CACHE).retrieval(
        network, target.preprocess
    )
    return Accuracy(design, "rank-1", 100 * found.rank_1, found.probes)


def identities(terms: Terms, size: Size) -> Parts:
    """The unseen identities of the data set that is named; streetcam has the scale's vehicles and views of each.

    Raises:
        FileNotFoundError: no pictures there.
        ValueError: pictures without identity, or too few.
    """
    return open_parts(
        TrainSettings(
            data=terms.identities,
            out=Path(),
            task="re-identification",
            size=size,
            identities=2,
            views=terms.scale.views,
            held_out=terms.scale.vehicles if terms.identities == "streetcam" else None,
        )
    )


@lru_cache(maxsize=1)
def _trial(terms: Terms, size: Size, cache: Path) -> Trial:
    return read_trial(identities(terms, size), size, workers=0, folder=cache, console=terminal(quiet=True))
