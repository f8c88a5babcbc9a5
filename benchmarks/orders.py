"""Which metrics order reconstructions as the judge does."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import kendalltau, spearmanr

from benchmarks.measurement import Measurement, run
from benchmarks.specimens import Floats, SpecimenSettings, legible, read, reconstructions
from keyhole.judge.examination import enrol
from keyhole.judge.legibility import DRIVER, PLATE, VEHICLE
from keyhole.judge.loading import load_judge
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import expanded_tail, with_interval
from keyhole.metrics.registry import METRICS, metrics_named
from keyhole.metrics.thumbnails import shrunk
from keyhole.service.memory import keep_all_freed
from keyhole.terminal import terminal

ALONE, BESIDE = "reconstructions", "with thumbnails"


@dataclass(frozen=True)
class OrdersSettings(SpecimenSettings):
    """Compare the order in which metrics put reconstructions with that in which the judge reads secrets from them."""

    metrics: tuple[str, ...] = ()
    """Metrics of pictures. Absent: all whose weights are here."""
    draws: int = 400
    """Draws of the bootstrap over pictures."""


@dataclass(frozen=True)
class OrdersRow:
    """One metric: its rank correlations with what the judge reads, by secret."""

    among: str
    metric: str
    plate: str
    driver: str
    vehicle: str
    plates: str
    vehicles: str


def of_pictures(scores: Floats, shares: Floats) -> float:
    """Kendall's τ-b of scores and shares, C×N each, over all pictures of all conditions that show the secret."""
    shown = ~np.isnan(shares)
    return float(kendalltau(scores[shown], shares[shown]).statistic)


def of_conditions(scores: Floats, shares: Floats) -> float:
    """Spearman's ρ of the conditions' mean scores and mean shares, C×N each."""
    return float(spearmanr(scores.mean(axis=1), np.nanmean(shares, axis=1)).statistic)


def with_bootstrap(statistic: Callable[[Floats, Floats], float], scores: Floats, shares: Floats, draws: int) -> str:
    """A statistic of C×N scores and shares with its 95 % interval; pictures are drawn, each with all its conditions.

    A dash where it is not defined: nothing differs, or no picture shows the secret.
    """
    shown = ~np.isnan(shares).any(axis=0)
    scores, shares = scores[:, shown], shares[:, shown]
    count = scores.shape[1]
    with warnings.catch_warnings(action="ignore"):  # a draw in which nothing differs has no correlation
        value = statistic(scores, shares) if count > 1 else np.nan
        if np.isnan(value):
            return "–"
        drawn = np.random.default_rng(0).integers(count, size=(draws, count))
        values = [statistic(scores[:, places], shares[:, places]) for places in drawn]
    tail = expanded_tail(count)
    low, high = np.nanquantile(values, (tail, 1 - tail)).tolist()
    return with_interval(value, (low, high), 2)


def row(
    among: str, metric: Metric, scores: Mapping[str, Sequence[float]], shares: Mapping[str, Mapping[str, Floats]],
    draws: int,
) -> OrdersRow:  # fmt: skip
    """The correlations of one metric.

    Args:
        among: a word for the conditions.
        metric: whose scores they are.
        scores: of N pictures, by condition.
        shares: by condition and secret, see `benchmarks.specimens.read`.
        draws: of the bootstrap.
    """
    turned = np.array([[metric.leak(value) for value in values] for values in scores.values()])
    by_secret = {secret: np.stack([one[secret] for one in shares.values()]) for secret in (PLATE, DRIVER, VEHICLE)}
    pictures = {name: with_bootstrap(of_pictures, turned, one, draws) for name, one in by_secret.items()}
    conditions = {name: with_bootstrap(of_conditions, turned, by_secret[name], draws) for name in (PLATE, VEHICLE)}
    return OrdersRow(
        among=among,
        metric=metric.title,
        plate=pictures[PLATE],
        driver=pictures[DRIVER],
        vehicle=pictures[VEHICLE],
        plates=conditions[PLATE],
        vehicles=conditions[VEHICLE],
    )


def measurement(settings: OrdersSettings) -> Measurement:
    """One row for each metric of pictures whose weights are here, of reconstructions alone and beside thumbnails."""
    torch.set_num_threads(1)
    keep_all_freed()
    samples = legible(settings.n)
    labels = [sample.secrets for sample in samples if sample.secrets]
    truths = torch.stack([sample.picture for sample in samples])
    made = reconstructions(settings, truths)
    both = {**made, **{f"thumbnails, {side} px": shrunk(truths, side) for side in settings.thumbnails}}
    judge = load_judge()
    gallery = enrol(judge, dict.fromkeys(label.identity for label in labels))
    shares = {name: read(judge, pictures, labels, gallery) for name, pictures in both.items()}
    there = [
        name for name, one in METRICS.items() if one.scope == "picture" and (not one.weights or one.weights.present)
    ]
    metrics = metrics_named(settings.metrics or there, scope="picture")
    rows: dict[str, list[OrdersRow]] = {ALONE: [], BESIDE: []}
    for metric in metrics:
        terminal(stderr=True).print(f"{metric.title} of {len(both)} × {len(truths)} pictures")
        scores = {name: metric.scores(pictures, truths) for name, pictures in both.items()}
        for among, names in ((ALONE, made), (BESIDE, both)):
            chosen = {name: scores[name] for name in names}, {name: shares[name] for name in names}
            rows[among].append(row(among, metric, *chosen, settings.draws))
    drivers = int((~np.isnan(next(iter(shares.values()))[DRIVER])).sum())
    return Measurement.of(
        [*rows[ALONE], *rows[BESIDE]],
        "Which metric orders reconstructions as the judge does",
        f"""{len(truths)} audit pictures of streetcam that show a near plate, {drivers} of them a near driver,
        {len(gallery)} vehicles; {", ".join(settings.attacks)} ({settings.training} steps of training,
        {settings.iterations} of a white box) at {", ".join(settings.cuts)};
        thumbnails of {", ".join(map(str, settings.thumbnails))} px.
        τ: Kendall's τ-b over all pictures of all conditions; ρ: Spearman's over the conditions' means.
        1: the same order, 0: none in common. In brackets 95 % intervals by a bootstrap over the pictures.""",
        {
            "among": ("among", ""),
            "metric": ("metric", ""),
            "τ, plate glyphs": ("plate", ""),
            "τ, driver": ("driver", ""),
            "τ, vehicle": ("vehicle", ""),
            "ρ, plate glyphs": ("plates", ""),
            "ρ, vehicle": ("vehicles", ""),
        },
        "python -m benchmarks.orders",
    )


if __name__ == "__main__":
    run(OrdersSettings, measurement)
