"""Tables of the report, as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from keyhole.bench.advice.exposure import E, Exposure, SecretExposure, picture_exposures, secret_exposures
from keyhole.bench.advice.options import Option, metrics_of
from keyhole.bench.measure.dfil import psnr_bound
from keyhole.bench.records import ProfileRecord
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import with_interval
from keyhole.presentation.stages import PROTECT

NOTHING = "–"


@dataclass(frozen=True)
class ReportTable:
    """Text cells; a template makes rows of them.

    Attributes:
        headings: of the columns.
        rows: as many cells each.
        words: leading columns that hold words; the others hold numbers.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int


Column = tuple[str, Callable[[Option], str]]


def designs(options: Sequence[Option], links: Sequence[str]) -> ReportTable:
    """One row for each design of a target, baselines included."""
    secrets = dict.fromkeys(name for option in options for name in option.secrets)
    columns: list[Column] = [
        *_names(),
        ("best attack (SSIM)", lambda option: option.exposure["ssim"].attack if "ssim" in option.exposure else NOTHING),
        *((f"p50 {link}, ms", _p50(link)) for link in links),
        *((metric.label, _most(metric)) for metric in metrics_of(options)),
        *((_read(name), _secret(name)) for name in secrets),
        ("defence, ms", _protecting),
        ("pictures × seeds", lambda option: _evidence(option.exposure.get("ssim"))),
        (_measure(options), _accuracy),
        ("lost", lambda option: _number(option.loss, 2)),
        ("payload, KiB", _profile(lambda found: found.payload / 1024)),
        ("edge parameters, k", _profile(lambda found: found.parameters / 1e3)),
        ("edge MACs, M", _profile(lambda found: found.macs / 1e6)),
        ("edge memory, MiB", lambda option: _number(option.memory / 2**20 if option.memory else None, 1)),
        ("dFIL", _dfil),
        ("PURI", lambda option: _number(option.puri, 3)),
    ]
    return _table(columns, options, words=4)


def attacks(options: Sequence[Option]) -> ReportTable:
    """One row for each attack on each design."""
    secrets = list(dict.fromkeys(name for option in options for leak in option.leaks for name in leak.secrets))
    metrics = metrics_of(options)
    rows = []
    for option in options:
        scores = {metric: _by_attack(picture_exposures(option.leaks, metric.name)) for metric in metrics}
        read = {name: _by_attack(secret_exposures(option.leaks, name)) for name in secrets}
        for found in picture_exposures(option.leaks, "ssim"):
            mine = [leak for leak in option.leaks if leak.attack == found.attack]
            rows.append(
                (
                    *(text(option) for _, text in _names()),
                    found.attack,
                    _evidence(found),
                    *(_exposure(by_attack.get(found.attack), metric.digits) for metric, by_attack in scores.items()),
                    *(_share(read[name].get(found.attack)) for name in secrets),
                    f"{sum(leak.passes for leak in mine) / len(mine):.0f}",
                    f"{sum(leak.seconds for leak in mine) / len(mine):.1f}",
                )
            )
    headings = ("cut", "defence", "codec", "attack", "pictures × seeds", *(metric.label for metric in metrics))
    return ReportTable((*headings, *map(_read, secrets), "U-Net passes", "s a picture"), tuple(rows), 4)


def _by_attack(exposures: Iterable[E]) -> dict[str, E]:
    return {found.attack: found for found in exposures}


def _names() -> tuple[Column, ...]:
    return (
        ("cut", lambda option: option.design.cut),
        ("defence", lambda option: option.design.defence),
        ("codec", lambda option: option.design.codec),
    )


def _table(columns: Sequence[Column], options: Sequence[Option], words: int) -> ReportTable:
    rows = tuple(tuple(text(option) for _, text in columns) for option in options)
    return ReportTable(tuple(heading for heading, _ in columns), rows, words)


def _p50(link: str) -> Callable[[Option], str]:
    return lambda option: _number(option.p50(link), 1)


def _profile(figure: Callable[[ProfileRecord], float]) -> Callable[[Option], str]:
    return lambda option: _number(figure(option.profile), 1) if option.profile else NOTHING


def _protecting(option: Option) -> str:
    """Median of what the defence takes, which no link changes but one with a slower edge: the quickest."""
    times = [found.stages[PROTECT].p50 for found in option.latencies.values() if PROTECT in found.stages]
    return _number(min(times, default=None), 2)


def _most(metric: Metric) -> Callable[[Option], str]:
    return lambda option: _exposure(option.exposure.get(metric.name), metric.brief)


def _secret(name: str) -> Callable[[Option], str]:
    return lambda option: _share(option.secrets.get(name))


def _read(secret: str) -> str:
    return f"{secret}, % (guessing)"


def _measure(options: Sequence[Option]) -> str:
    measures = dict.fromkeys(option.accuracy.measure for option in options if option.accuracy)
    return f"{' / '.join(measures) or 'accuracy'}, %"


def _accuracy(option: Option) -> str:
    return with_interval(option.accuracy.value, option.accuracy.interval, 1) if option.accuracy else NOTHING


def _dfil(option: Option) -> str:
    """The dFIL of a design, with the PSNR that no unbiased attacker passes."""
    found = option.profile.dfil if option.profile else None
    return NOTHING if found is None else f"{found:.3g} (≤ {psnr_bound(found):.1f} dB)"


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _exposure(found: Exposure | None, digits: int) -> str:
    return with_interval(found.mean, found.interval, digits) if found else NOTHING


def _share(found: SecretExposure | None) -> str:
    return f"{100 * found.mean:.1f} of {found.pictures} ({100 * found.guessing:.1f})" if found else NOTHING


def _evidence(found: Exposure | None) -> str:
    return f"{found.pictures} × {found.seeds}" if found else NOTHING
