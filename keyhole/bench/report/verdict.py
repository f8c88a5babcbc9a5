"""The recommendation over all links of a run as one paragraph. Names of code stand between backticks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from keyhole.bench.advice.options import Option
from keyhole.bench.advice.recommendation import Recommendation
from keyhole.bench.advice.wording import capital, design_text, listed, milliseconds_text

Advice = Mapping[str, Recommendation]
"""By link, with the same constraints."""


def verdict(advice: Advice) -> str:
    """What to choose over each link, what does without a split, and the best split where none is forced; empty where
    nothing was timed."""
    if not advice:
        return ""
    phrases = [each.phrase for each in next(iter(advice.values())).constraints]
    choices = "; ".join(_grouped(advice, _choice))
    asked = f"With {listed(phrases)}: {choices}." if phrases else f"{capital(choices)}."
    return " ".join([asked, *_splits(advice)])


def _grouped(advice: Advice, told: Callable[[Recommendation], str]) -> Iterator[str]:
    """What is told of each link, that which is the same together."""
    over: dict[str, list[str]] = {}
    for link, found in advice.items():
        over.setdefault(told(found), []).append(link)
    for text, links in over.items():
        times = _times([option for link in links if (option := advice[link].chosen)], links)
        yield f"over {listed([f'`{link}`' for link in links])} {text}{times}"


def _choice(found: Recommendation) -> str:
    if found.chosen is None:
        nearest = f"; nearest is {design_text(found.nearest.design)}" if found.nearest else ""
        return f"no design satisfies all{nearest}"
    named = design_text(found.chosen.design)
    if found.chosen.alone:
        return f"nothing forces a split, {named} satisfies all and sends nothing"
    if found.chosen.remote:
        return f"nothing forces a split, {named} satisfy all"
    probably = "" if found.sure else "probably "
    if found.unforced:
        return (
            f"nothing but speed forces a split; faster than {design_text(found.unforced.design)} is {probably}{named}"
        )
    return f"{probably}{named}"


def _splits(advice: Advice) -> Iterator[str]:
    """The best splits over the links where none is forced."""
    best = {
        link: found.runner_up
        for link, found in advice.items()
        if found.chosen and not found.chosen.splits and found.runner_up
    }
    over: dict[str, list[str]] = {}
    for link, option in best.items():
        over.setdefault(design_text(option.design), []).append(link)
    parts = [
        f"over {listed([f'`{link}`' for link in links])} {text}{_times([best[link] for link in links], links)}"
        for text, links in over.items()
    ]
    if parts:
        yield f"The best split all the same: {'; '.join(parts)}."


def _times(options: Sequence[Option], links: Sequence[str]) -> str:
    times = [p50 for option, link in zip(options, links, strict=False) if (p50 := option.p50(link)) is not None]
    return f" ({', '.join(dict.fromkeys(map(milliseconds_text, times)))})" if times else ""
