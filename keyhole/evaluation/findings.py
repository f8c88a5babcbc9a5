"""What an evaluation found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyhole.evaluation.evidence import Evidence, needed
from keyhole.evaluation.judged import ReadShare
from keyhole.evaluation.scores import UNIT, EvaluationRow, Standing, strongest
from keyhole.evaluation.yardstick import Yardstick
from keyhole.metrics.thumbnails import Thumbnail


def findings(rows: Sequence[EvaluationRow], yardstick: Yardstick) -> Iterator[str]:
    """The strongest attack of each cut, the blind attacker, and what the figures are too few for."""
    for cut in dict.fromkeys(row.name for row in rows):
        best = strongest([row for row in rows if row.name == cut])
        if best and best.standing:
            yield f"{cut}: {_strongest(best, best.standing)}"
    yield f"Blind attacker: {_blind(yardstick)}"
    yield from (f"  left out: {recipe} ({reason})" for recipe, reason in yardstick.floor.left_out.items())
    if few := [text for row in rows if (text := _too_few(row))]:
        yield f"Too few for a conclusion: {'; '.join(dict.fromkeys(few))}."


def as_sharp_as(found: Thumbnail) -> str:
    """An equivalent thumbnail in a sentence."""
    if not found.side:
        return f"nothing that the blind attacker does not show{_bounds(found)}"
    if found.side >= found.full:
        return "the picture itself"
    return f"as sharp as a {found.brief} thumbnail{_bounds(found)} of a picture of {found.full} px"


def _bounds(found: Thumbnail) -> str:
    _, bracket, interval = found.text.partition(" [")
    return f"{bracket}{interval}"


def _strongest(row: EvaluationRow, standing: Standing) -> str:
    above = standing.above_blind[UNIT.name].text(UNIT.digits)
    read = "".join(f"; {secret} {_read(found)}" for secret, found in standing.read.items())
    sharp = as_sharp_as(standing.thumbnails[UNIT.name])
    return f"strongest is {row.attack}, {sharp}; {UNIT.title} {above} above the blind attacker{read}"


def _read(found: ReadShare) -> str:
    if found.interval is None:
        return f"{found.right:.0f} of {found.asked}, too few"
    if found.as_by_guessing:
        return f"{100 * found.value:.0f} %, as by guessing ({100 * found.guessing:.0f} %)"
    return f"{100 * found.value:.0f} % ({100 * found.guessing:.0f} % by guessing)"


def _blind(yardstick: Yardstick) -> str:
    floor = yardstick.floor
    metrics = {metric.name: metric for metric in (UNIT, *yardstick.asked)}
    return ", ".join(
        f"{metric.caption(floor.mean(floor.best(metric), metric).mean)} ({floor.best(metric)})"
        for metric in metrics.values()
    )


def _too_few(row: EvaluationRow) -> str:
    """What a conclusion on a row lacks; empty where it lacks nothing."""
    attack = "/".join(str(row.facts[fact]) for fact in ("attack", "recipe") if fact in row.facts) or row.attack
    count = len(row.scores) if row.units is None else len(set(row.units))
    has, least = Evidence(count, len(row.by_seed)), needed(attack)
    if has.suffices(attack):
        return ""
    needs = f"{least.pictures} {'pictures' if row.units is None else 'clips'}" + (
        f" and {least.seeds} seeds" if least.seeds > 1 else ""
    )
    behind = f"{has.pictures}" + (f" and {has.seeds}" if least.seeds > 1 else "")
    return f"{row.attack} needs {needs}, here are {behind}"
