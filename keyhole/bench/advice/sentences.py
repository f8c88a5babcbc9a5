"""Sentences that state a recommendation. Names of code stand between backticks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from keyhole.bench.advice.doubts import doubts
from keyhole.bench.advice.options import Option
from keyhole.bench.advice.ranking import same_accuracy, same_leak, simplicity
from keyhole.bench.advice.recommendation import Recommendation
from keyhole.bench.advice.seen import seen_text
from keyhole.bench.advice.training import training_text
from keyhole.bench.advice.wording import (
    capital,
    design_text,
    listed,
    macs_text,
    mebibytes_text,
    milliseconds_text,
    points_text,
    share_text,
)
from keyhole.bench.records import BASELINES, Design

_NAMED = 5
"""Designs whose names a list gives."""
_NO_LOSS = 0.005
"""Points that two digits after the point do not show."""


def sentences(advice: Recommendation) -> Iterator[str]:
    """`headline`, then `details`, each a line."""
    return chain(headline(advice), details(advice))


def headline(advice: Recommendation) -> Iterator[str]:
    """The decision, what an attacker gets, what it costs, what is in doubt, and what each alternative would be."""
    if advice.chosen:
        yield _decision(advice, advice.chosen)
        yield from _described(advice, advice.chosen)
    elif advice.nearest:
        yield f"{capital(_asked(advice))}: no design of `{advice.target}` satisfies all."
        yield (
            f"Nearest: {design_text(advice.nearest.design)}: {_took(advice.nearest, advice.link)}; "
            f"it misses {_misses(advice, advice.nearest)}."
        )
        yield from _described(advice, advice.nearest)
        yield from _reliefs(advice)
    else:
        yield f"{capital(_asked(advice))}: no design of `{advice.target}` has all the measurements that this needs."
    yield from _alternatives(advice)
    yield from _unweighed(advice)
    yield from (constraint.source for constraint in advice.constraints if constraint.source)


def details(advice: Recommendation) -> Iterator[str]:
    """What each constraint costs, other baselines, and what was left out."""
    if advice.chosen:
        if advice.likely:
            yield (
                f"Means alone would allow {design_text(advice.likely.design)}: {_p50(advice.likely, advice.link)}, "
                f"{_figures(advice.likely)}; its interval reaches over a limit."
            )
        yield from (_cost(advice, advice.chosen, constraint.phrase, other) for constraint, other in advice.without)
    told = _told(advice)
    yield from (
        _baseline(advice, option) for option in advice.baselines if option not in (*told, advice.chosen, advice.nearest)
    )
    if any(option.p50_interval(advice.link) is None for option in (advice.chosen, *told) if option):
        yield "Some latencies have no interval: their medians were compared as they are."
    if advice.left_out:
        yield _left_out(advice.left_out)


def _asked(advice: Recommendation) -> str:
    phrases = [constraint.phrase for constraint in advice.constraints]
    return f"on `{advice.link}`" + (f", with {listed(phrases)}" if phrases else "")


def _decision(advice: Recommendation, chosen: Option) -> str:
    asked, took, alone = capital(_asked(advice)), _took(chosen, advice.link), advice.unforced
    if not chosen.splits:
        return f"{asked}, nothing forces a split: {design_text(chosen.design)} {_answers(chosen, took)}."
    decided = f"{'' if advice.sure else 'probably '}{design_text(chosen.design)}: {took}"
    if alone:
        told = f"{design_text(alone.design)} {_answers(alone, _took(alone, advice.link))}"
        return f"{asked}, nothing but speed forces a split: {told}. Faster is {decided}."
    return f"{asked}: {decided}."


def _answers(option: Option, took: str) -> str:
    if option.alone:
        return f"answers in {took} and sends nothing"
    return f"are answered in {took} and show everything"


def _described(advice: Recommendation, option: Option) -> Iterator[str]:
    if option.splits:
        yield f"An attacker gets {seen_text(option)}."
    if option.training:
        yield f"Of the training set, to whoever holds the classifier: {training_text(option.training)}."
    if costs := _costs(option):
        yield f"Its costs: {listed(costs)}."
    if option is advice.chosen:
        yield from _ties(advice, option)
    yield from doubts(advice, option)


def _costs(option: Option) -> list[str]:
    costs = [] if option.loss is None else [_loss(option.loss)]
    if option.remote:
        return [*costs, "no work on the edge"]
    if option.macs is not None:
        share = "" if option.macs_share is None else f" ({share_text(option.macs_share)} of the whole model's)"
        costs.append(f"{macs_text(option.macs)} on the edge{share}")
    if option.memory is not None:
        costs.append(f"{mebibytes_text(option.memory)} of memory there")
    return costs


def _loss(loss: float) -> str:
    if abs(loss) < _NO_LOSS:
        return "no accuracy lost"
    return f"{points_text(abs(loss), 2)} of accuracy {'lost' if loss > 0 else 'won'}"


def _ties(advice: Recommendation, chosen: Option) -> Iterator[str]:
    if not advice.tied:
        return
    first, *more = advice.tied
    others = f" and {len(more)} more" if more else ""
    yield (
        f"Its {_p50(chosen, advice.link)} and the {_p50(first, advice.link)} of {design_text(first.design)}{others} "
        f"cannot be told apart; {_preferred(chosen, first)}."
    )


def _preferred(chosen: Option, other: Option) -> str:
    """What decided between two designs of the same latency."""
    if not same_leak(chosen, other):
        return "it leaks less"
    if not same_accuracy(chosen, other):
        return "it leaks as much and loses less accuracy"
    if simplicity(chosen) < simplicity(other):
        return "it leaks as much and is simpler"
    if chosen.loss is not None and (other.loss is None or chosen.loss < other.loss):
        return "it leaks as much, is as simple, and lost less accuracy where it was measured"
    return "it is no worse in anything else"


def _alternatives(advice: Recommendation) -> Iterator[str]:
    yield from (_baseline(advice, option) for option in _told(advice))
    if not advice.chosen:
        return
    if advice.runner_up:
        second = advice.runner_up
        satisfies = "satisfies" if advice.surely(second) else "probably satisfies"
        kind = "Next best split" if advice.chosen.splits else f"Best split that {satisfies} all"
        yield f"{kind}: {design_text(second.design)}: {_took(second, advice.link)}, {_figures(second)}."
    else:
        yield "No other split satisfies all." if advice.chosen.splits else "No split satisfies all."


def _told(advice: Recommendation) -> tuple[Option, ...]:
    """The fastest whole model on the edge and the fastest way to the cloud, where they are not told already."""
    fastest = sorted(advice.baselines, key=lambda option: (option.p50(advice.link) or 0.0, option.design))
    first = (next((option for option in fastest if each(option)), None) for each in (_alone, _remote))
    return tuple(option for option in first if option and option not in (advice.chosen, advice.nearest))


def _alone(option: Option) -> bool:
    return option.alone


def _remote(option: Option) -> bool:
    return option.remote


def _baseline(advice: Recommendation, option: Option) -> str:
    shown = "sends nothing" if option.alone else "shows everything"
    costs = ", ".join([_took(option, advice.link), shown, *_costs(option)])
    if missing := dict(advice.left_out).get(option.design):
        costs += f"; not weighed, for want of {listed(missing)}"
    elif missed := _misses(advice, option):
        costs += f"; misses {missed}"
    return f"{capital(design_text(option.design))}: {costs}."


def _misses(advice: Recommendation, option: Option) -> str:
    missed = dict(advice.missed).get(option.design, ())
    return listed([constraint.missed(option) for constraint in missed])


def _reliefs(advice: Recommendation) -> Iterator[str]:
    """What would be chosen without a constraint; those without which there is still nothing, together."""
    for constraint, other in advice.without:
        if other:
            yield (
                f"Without “{constraint.phrase}”: {design_text(other.design)}: {_p50(other, advice.link)}, "
                f"{_figures(other)}."
            )
    if still := [f"“{constraint.phrase}”" for constraint, other in advice.without if not other]:
        yield f"Still nothing without {listed(still, 'or')} alone."


def _cost(advice: Recommendation, chosen: Option, phrase: str, other: Option | None) -> str:
    """What a constraint costs the chosen design."""
    if other is None or other.design == chosen.design:
        return f"“{phrase}” costs nothing."
    now, then = chosen.p50(advice.link), other.p50(advice.link)
    assert now is not None and then is not None  # noqa: PT018
    time = f"costs {milliseconds_text(now - then)}" if now > then else "costs no time"
    return f"“{phrase}” {time}: without it {design_text(other.design)}: {milliseconds_text(then)}, {_figures(other)}."


def _figures(option: Option) -> str:
    """What is seen and what is lost, in a few words."""
    shown = seen_text(option, brief=True)
    lost = [] if option.loss is None else [_loss(option.loss)]
    return ", ".join([shown, *lost])


def _p50(option: Option, link: str) -> str:
    found = option.p50(link)
    return "not timed" if found is None else milliseconds_text(found)


def _took(option: Option, link: str) -> str:
    """The median with its interval."""
    interval = option.p50_interval(link)
    ends = [milliseconds_text(end).removesuffix(" ms") for end in interval or ()]
    return _p50(option, link) + (f" [{', '.join(ends)}]" if ends else "")


def _unweighed(advice: Recommendation) -> Iterator[str]:
    """How many splits were not weighed, and for want of what; a baseline says so itself."""
    lacking = [missing for design, missing in advice.left_out if design.cut not in BASELINES]
    if lacking:
        wanted = list(dict.fromkeys(chain.from_iterable(lacking)))
        were = "split was" if len(lacking) == 1 else "splits were"
        yield f"{len(lacking)} {were} not weighed, for want of {listed(wanted, 'or')}."


def _left_out(left_out: Sequence[tuple[Design, tuple[str, ...]]]) -> str:
    names = [f"{design_text(design)} ({', '.join(missing)})" for design, missing in left_out[:_NAMED]]
    more = [f"{len(left_out) - _NAMED} more"] if len(left_out) > _NAMED else []
    return f"Left out, with what is not measured: {'; '.join([*names, *more])}."
