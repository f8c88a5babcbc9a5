"""Several texts on the frames, white box: one attack after the other; see `several_texts`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

from keyhole.attacks.base import Attack, Estimate, Observation, RunSettings, WhiteBox
from keyhole.attacks.features.own_head import feature_distances
from keyhole.attacks.features.several_texts import Tried
from keyhole.priors.prior import Prior


@dataclass(frozen=True)
class SeveralTexts:
    """White box: one attack after the other, each told another text.

    Attributes:
        attacks: by text.
        known: the head, by whose features one is kept.
    """

    attacks: Mapping[str, Attack]
    known: WhiteBox

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """The estimates of the first attack, then what is best so far after each further one.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        best: Tried | None = None
        iteration, seconds, passes = 0, 0.0, 0
        for place, (text, attack) in enumerate(self.attacks.items(), 1):
            texts, last = (text,) * len(frames), None
            for last in attack.reconstruct(frames):
                if best is None and not last.final:
                    yield dataclasses.replace(last, texts=texts)
            if last is None:
                return
            tried = Tried(last.pictures, feature_distances(self.known, last.pictures, frames), texts)
            best = tried if best is None else best.or_nearer(tried)
            iteration, seconds, passes = iteration + last.iteration, seconds + last.seconds, passes + last.passes
            final, loss = place == len(self.attacks), float(best.distances.mean())
            yield Estimate(best.pictures, iteration, seconds, loss, final, passes, texts=best.texts)


def opened(
    make: Callable[[WhiteBox, RunSettings], Attack], known: WhiteBox, run: RunSettings
) -> AbstractContextManager[Attack]:
    """The attack of a run, ready for frames while the context is open: one for each of its texts where it has several,
    which share a frame's seconds."""
    if len(run.texts) < 2:
        return _ready(make(known, run))
    return _several(make, known, run)


@contextmanager
def _several(
    make: Callable[[WhiteBox, RunSettings], Attack], known: WhiteBox, run: RunSettings
) -> Iterator[SeveralTexts]:
    budget = dataclasses.replace(run.budget, seconds=run.budget.seconds / len(run.texts))
    each = dataclasses.replace(run, budget=budget, texts=())
    prior = known.prior()
    with ExitStack() as stack:
        knowing = {text: _with_prior(known, prior.telling([text])) for text in run.texts}
        attacks = {text: stack.enter_context(_ready(make(one, each))) for text, one in knowing.items()}
        yield SeveralTexts(attacks, known)


def _with_prior(known: WhiteBox, prior: Prior) -> WhiteBox:
    return dataclasses.replace(known, prior=lambda: prior)


def _ready(attack: Attack) -> AbstractContextManager[Attack]:
    return attack if isinstance(attack, AbstractContextManager) else nullcontext(attack)
