"""What a run has not measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyhole.bench.advice.options import Option
from keyhole.bench.advice.sentences import design_text

_NAMED = 6


def missing(options: Sequence[Option], links: Sequence[str]) -> Iterator[str]:
    """A line for each measurement that some designs of a target lack."""
    splits = [option for option in options if option.splits]
    lacking = {
        **{f"latency over {link}": [each for each in splits if each.p50(link) is None] for link in links},
        "leak": [option for option in splits if option.leak() is None],
        **{f"leak to {attack}": _spared(splits, attack) for attack in _attacks(splits)},
        "accuracy": [option for option in splits if option.accuracy is None],
        "an undefended fp32 design to lose accuracy against": [
            option for option in splits if option.accuracy and option.loss is None
        ],
        "profile": [option for option in splits if option.profile is None],
    }
    if not links:
        yield "Latency: nothing is timed yet."
    for what, without in lacking.items():
        if without and len(without) == len(splits):
            yield f"{_capital(what)}: missing for every design."
        elif without:
            names = [design_text(option.design) for option in without[:_NAMED]]
            more = [f"{len(without) - _NAMED} more"] if len(without) > _NAMED else []
            yield f"{_capital(what)}: missing for {'; '.join([*names, *more])}."


def _attacks(options: Sequence[Option]) -> list[str]:
    return list(dict.fromkeys(leak.attack for option in options for leak in option.leaks))


def _spared(options: Sequence[Option], attack: str) -> list[Option]:
    """Designs that other attacks were tried on, so that theirs may not be the strongest."""
    return [option for option in options if option.leaks and attack not in {leak.attack for leak in option.leaks}]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
