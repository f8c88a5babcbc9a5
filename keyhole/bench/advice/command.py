"""``keyhole recommend``: where to cut, by a stored run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keyhole.bench.advice.constraints import Constraint, constraints
from keyhole.bench.advice.options import options
from keyhole.bench.advice.recommendation import recommendation
from keyhole.bench.advice.sentences import headline, sentences
from keyhole.bench.advice.thumbnail_limit import ThumbnailLimit
from keyhole.bench.advice.trained import trained_defences, with_trained_defences
from keyhole.bench.provenance import source_of
from keyhole.bench.results import Results
from keyhole.bench.settings import RecommendSettings
from keyhole.bench.store import open_results
from keyhole.service.errors import UsageError, unknown_name
from keyhole.terminal import terminal


def recommend(settings: RecommendSettings, load: Callable[[Path], Results] = open_results) -> int:
    """Print the recommendation for each target; 1 where one has no design that satisfies all.

    Args:
        settings: flags.
        load: from the run's folder to its results.

    Raises:
        UsageError: the run has no such link or target, or no latency, or no scale to tell thumbnails by where one is
            needed.
    """
    results = load(settings.run)
    results = with_trained_defences(results, trained_defences(settings.defended, results.targets))
    links, targets = results.links, results.targets
    if not links:
        raise UsageError(f"{settings.run}: no latency is measured yet; `keyhole bench` goes on where it stopped")
    if settings.link not in links:
        measured = ", ".join(filter(None, links))
        raise UsageError(
            f"--link {settings.link}: {settings.run} has latencies over {measured}; `keyhole bench --links "
            f"{settings.link} --only latency --out {settings.run}` with the other flags of that run adds it"
        )
    if settings.target is not None and settings.target not in targets:
        raise unknown_name("target", settings.target, targets)
    console, weighed = terminal(), options(results)
    advised = [
        recommendation(weighed, name, settings.link, _constraints(settings, results, name))
        for name in targets
        if settings.target in (None, name)
    ]
    for advice in advised:
        if len(advised) > 1:
            console.print(f"\n{advice.target}", style="bold")
        for sentence in (sentences if settings.details else headline)(advice):
            console.print(sentence, soft_wrap=True)
    return 0 if all(advice.chosen for advice in advised) else 1


def _constraints(settings: RecommendSettings, results: Results, target: str) -> tuple[Constraint, ...]:
    """Those of the flags; where no limit on what leaks is given, what the judge can do with thumbnails is one."""
    most: ThumbnailLimit | float | None = settings.max_thumbnail
    if most is not None or settings.max_ssim is None:
        scale = results.scale(target)
        if scale is None:
            raise UsageError(
                f"{settings.run} has no scale for {target}, by which leaks are told as thumbnails: `keyhole bench "
                f"--only scale --out {settings.run}` with the other flags of that run adds it, or give --max-ssim"
                f"{'' if most is None else ' in the place of --max-thumbnail'}"
            )
        most = ThumbnailLimit.of(scale, source_of(results.provenance)) if most is None else most
    return constraints(
        settings.link,
        max_thumbnail=most,
        max_ssim=settings.max_ssim,
        max_accuracy_loss=settings.max_accuracy_loss,
        max_latency=settings.max_latency,
        max_edge_mib=settings.max_edge_mib,
        max_edge_macs=settings.max_edge_macs,
        keep_model_secret=settings.keep_model_secret,
        max_training_leak=settings.max_training_leak,
    )
