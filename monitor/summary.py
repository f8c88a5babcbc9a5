"""Summary of a run in figures: scores by attack, latency by stage, frames and losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from keyhole.judge import recovery
from keyhole.judge.recovery import SecretRecovery
from keyhole.metrics.interval import Mean
from keyhole.presentation import attacks, stages
from monitor.deployment import Deployment
from monitor.history import History, LastScore
from monitor.leaks import AttackLeak
from monitor.ledger import FrameLedger

_FOR_P95 = 20


@dataclass(frozen=True)
class AttackSummary:
    """Scores of one attack. Every frame counts once, with the attack's last reconstruction of it.

    Attributes:
        n: frames.
        scores: by metric, the mean with its 95 % interval over the frames that have a value, taken as independent.
        seconds_mean: spent on a frame.
        iterations_mean: steps behind a picture.
        secrets: what the judge read from the frames that it was asked about; none where it was not asked.
        leak: as a thumbnail, over the frames whose scale was measured and that the blind attacker was scored on.
        shows: of the blind attacker, how its best picture was chosen.
        queries: pictures that an oracle was asked about for the network behind its pictures, those before the run
            included; 0: it has none.
        trained_before: whether that network was trained before the run.
    """

    n: int
    scores: Mapping[str, Mean]
    knowledge: str
    tap: str
    seconds_mean: float
    iterations_mean: float
    secrets: SecretRecovery | None = None
    leak: AttackLeak | None = None
    shows: str = ""
    queries: int = 0
    trained_before: bool = False

    @property
    def thumbnail(self) -> str:
        """The equivalent thumbnail in words; a dash where none was measured."""
        if self.shows:
            return "nothing"
        return self.leak.thumbnail.text if self.leak else "–"

    def as_json(self) -> dict[str, object]:
        """Flat: ``ssim_mean``, ``ssim_ci95`` and the like for every metric."""
        flat: dict[str, object] = {"n": self.n, "thumbnail": self.thumbnail}
        for name, mean in self.scores.items():
            flat |= {f"{name}_mean": mean.mean, f"{name}_ci95": mean.interval}
        return {**flat, **{name: value for name, value in asdict(self).items() if name not in ("n", "scores")}}


@dataclass(frozen=True)
class LatencyPercentiles:
    """Percentiles of a stage over answered frames, in milliseconds.

    Attributes:
        p95: none below twenty frames, of which none would lie above it.
    """

    p50: float
    p95: float | None


@dataclass(frozen=True)
class Summary:
    """A run in figures; ``as_json`` gives what ``summary.json`` holds.

    Attributes:
        frames_sent: frames that the edges took on; answered, dropped or still on their way.
        frames_scored: frames that at least one reconstruction was scored on.
        dropped: frames by reason.
        unmatched: reconstructions without a score, by reason.
        deployment: the newest; none before the first frame.
        deployments: how many different ones the run has seen.
        ledger: what became of every frame, those that the monitor was not told of included.
    """

    frames_sent: int
    frames_answered: int
    frames_scored: int
    dropped: Mapping[str, int]
    unmatched: Mapping[str, int]
    attacks: Mapping[str, AttackSummary]
    latency_ms: Mapping[str, LatencyPercentiles]
    deployment: Deployment | None
    deployments: int
    ledger: FrameLedger

    def as_json(self) -> dict[str, object]:
        """Only what JSON can hold."""
        return {**asdict(self), "attacks": {name: attack.as_json() for name, attack in self.attacks.items()}}


def summarise(history: History) -> Summary:
    """The figures of a run."""
    by_attack: dict[str, list[LastScore]] = {}
    for score in history.scores:
        by_attack.setdefault(score.attack, []).append(score)
    return Summary(
        frames_sent=history.frames,
        frames_answered=history.frames_answered,
        frames_scored=len({score.frame for score in history.scores}),
        dropped=dict(history.dropped),
        unmatched=dict(history.unmatched),
        attacks={
            **{name: _attack(by_attack[name], history) for name in attacks.in_order(by_attack)},
            **_blind(history),
        },
        latency_ms=latency(frame.stages for frame in history.answered),
        deployment=history.deployments[0] if history.deployments else None,
        deployments=len(history.deployments),
        ledger=history.ledger,
    )


def latency(frames: Iterable[Mapping[str, float]]) -> dict[str, LatencyPercentiles]:
    """Percentiles by stage, in the order in which the stages come up."""
    durations: dict[str, list[float]] = {}
    for frame in frames:
        for stage, seconds in frame.items():
            durations.setdefault(stage, []).append(1000 * seconds)
    return {name: _percentiles(durations[name]) for name in stages.in_order(durations)}


def _percentiles(values: Sequence[float]) -> LatencyPercentiles:
    p50, p95 = np.percentile(values, (50, 95)).tolist()
    return LatencyPercentiles(p50, p95 if len(values) >= _FOR_P95 else None)


def _blind(history: History) -> dict[str, AttackSummary]:
    """The blind attacker's best picture as an attack of its own; nothing where there was none."""
    floor = history.floor
    if not floor:
        return {}
    shows = history.leaks.blind or ""
    return {attacks.BLIND: replace(_attack(floor, history), leak=None, shows=shows, seconds_mean=0.0)}


def _attack(scores: Sequence[LastScore], history: History) -> AttackSummary:
    names = dict.fromkeys(name for score in scores for name in score.values)
    recoveries = [score.recovery for score in scores if score.recovery]
    return AttackSummary(
        n=len(scores),
        scores={name: Mean.of([score.values[name] for score in scores if name in score.values]) for name in names},
        knowledge=scores[-1].knowledge,
        tap=scores[-1].tap,
        seconds_mean=float(np.mean([score.seconds for score in scores])),
        iterations_mean=float(np.mean([score.iteration for score in scores])),
        secrets=recovery.summarise(recoveries) if recoveries else None,
        leak=history.leaks.leak({score.frame: score.ssim for score in scores}),
        queries=max(score.queries for score in scores),
        trained_before=any(score.trained_before for score in scores),
    )
