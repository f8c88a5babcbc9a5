"""Rank-1 of a re-identification."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from torch import nn

from bench.records import Accuracy, Design
from bench.setup import Setup
from keyhole.sizes import Size
from keyhole.targets import Target
from keyhole.terminal import terminal
from keyhole.train.reid.parts import open_parts
from keyhole.train.reid.trial import Trial, read_trial
from keyhole.train.settings import TrainSettings

CACHE = "cache"


def rank_1(design: Design, network: nn.Module, target: Target, setup: Setup) -> Accuracy:
    """Rank-1 on identities that were not trained on, as `keyhole train target` measures it.

    Arguments are those of `bench.measure.classes.top_1`.

    Raises:
        FileNotFoundError: no pictures there.
        ValueError: pictures without identity, or too few.
    """
    scale = setup.terms.scale
    trial = _trial(
        setup.terms.identities,
        target.preprocess.size,
        scale.vehicles,
        scale.views,
        setup.run.resolve() / CACHE,
    )
    found = trial.retrieval(network, target.preprocess)
    return Accuracy(design, "rank-1", 100 * found.rank_1, found.probes)


@lru_cache(maxsize=1)
def _trial(data: str, size: Size, vehicles: int, views: int, cache: Path) -> Trial:
    """The unseen identities of a data set; streetcam has so many vehicles and views of each."""
    drawn = data == "streetcam"
    parts = open_parts(
        TrainSettings(
            data=data,
            out=cache,
            task="re-identification",
            size=size,
            identities=2,
            views=views,
            held_out=vehicles if drawn else None,
        )
    )
    quiet = terminal(quiet=True)
    return read_trial(parts, size, workers=0, folder=cache, console=quiet)
