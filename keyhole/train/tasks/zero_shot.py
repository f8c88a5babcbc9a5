"""Zero-shot answers of two towers: which of several texts a picture's embedding is nearest to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.data.caption_facts import FACTS, CaptionFact
from keyhole.evaluation.reidentification import embed
from keyhole.nn.text_tower import TextTower
from keyhole.targets.target import Preprocess
from keyhole.train.tasks.caption_data import CaptionedPictures
from keyhole.train.tasks.caption_learner import CaptionLearner

_PROMPTS = 40
"""Captions of the training that an answer's text is averaged over (Radford et al. 2021, §3.1.4)."""
_PROBED = 3000
"""Training pictures that a probe learns from."""


@dataclass(frozen=True)
class Answered:
    """Answers to one question about pictures.

    Attributes:
        places: of the pictures that it is asked of, N.
        right: N, whether the answer is.
    """

    places: Sequence[int]
    right: Tensor


@dataclass(frozen=True)
class ZeroShot:
    """What two towers know: facts that captions tell, and which caption is a picture's.

    A fact's value is told by texts alone: captions of the training, restated with each value in turn, whose mean
    embeddings the picture's is compared with.

    Attributes:
        facts: each fact with the captions that tell it in a phrase.
    """

    facts: tuple[tuple[CaptionFact, tuple[str, ...]], ...]

    @classmethod
    def of(cls, source: str, captions: Sequence[str]) -> ZeroShot:
        """The facts of a picture source that captions tell in a phrase; none where its captions are free.

        Args:
            source: its name.
            captions: of the training.
        """
        different = sorted(set(captions))
        step = max(1, len(different) // (20 * _PROMPTS))
        told = [
            (fact, tuple(text for text in different[::step] if fact.restated(text, fact.values[0]))[:_PROMPTS])
            for fact in FACTS.get(source, ())
        ]
        return cls(tuple((fact, prompts) for fact, prompts in told if prompts))

    def answers(self, text: TextTower, own: Tensor, pictures: CaptionedPictures) -> Mapping[str, Answered]:
        """What the nearest text tells of each fact, by the fact's name.

        Args:
            text: the text tower.
            own: unit embeddings of the pictures, N×D.
            pictures: with the captions that tell the truth.
        """
        found = {}
        for fact, prompts in self.facts:
            places, truths = _told(fact, pictures)
            nearest = (own[places] @ _texts(text, fact, prompts).T).argmax(1)
            found[fact.name] = Answered(places, nearest == truths)
        return found

    def accuracy(
        self, learner: CaptionLearner, pictures: CaptionedPictures, preprocess: Preprocess
    ) -> Mapping[str, float]:
        """Share of the pictures, in percent, whose fact the nearest text tells, by the fact's name; and as ``caption``
        of those whose own caption is nearest among the different ones of them all."""
        own = F.normalize(embed(learner.pictures, pictures.pictures, preprocess))
        answers = self.answers(learner.text, own, pictures)
        found = {name: 100 * float(each.right.double().mean()) for name, each in answers.items()}
        different = sorted(set(pictures.captions))
        numbers = {caption: number for number, caption in enumerate(different)}
        nearest = (own @ learner.text.embed(different).cpu().T).argmax(1)
        right = nearest == torch.tensor([numbers[caption] for caption in pictures.captions])
        return found | {"caption": 100 * float(right.double().mean())}

    def beside(
        self,
        learner: CaptionLearner,
        train: CaptionedPictures,
        pictures: CaptionedPictures,
        preprocess: Preprocess,
    ) -> Mapping[str, float]:
        """What the accuracies stand beside, in percent: a linear probe of the embedding that learned from labelled
        training pictures (``body_probe``), and guessing the value that most of these have (``body_chance``)."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  (takes time to import)
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

        some = torch.linspace(0, len(train) - 1, min(_PROBED, len(train))).long()
        known = CaptionedPictures(train.pictures[some], tuple(train.captions[n] for n in some.tolist()))
        theirs, own = (embed(learner.pictures, part.pictures, preprocess) for part in (known, pictures))
        figures = {"caption_chance": 100 / len(set(pictures.captions))}
        for fact, _ in self.facts:
            learned, labels = _told(fact, known)
            places, truths = _told(fact, pictures)
            most = Counter(labels.tolist()).most_common(1)[0][0]
            figures[f"{fact.name}_chance"] = 100 * float((truths == most).double().mean())
            probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
            probe.fit(theirs[learned].numpy(), labels.numpy())
            figures[f"{fact.name}_probe"] = 100 * float(probe.score(own[places].numpy(), truths.numpy()))
        return figures


def _texts(text: TextTower, fact: CaptionFact, prompts: Sequence[str]) -> Tensor:
    """The unit embedding of each value, values×D."""
    means = [
        text.embed([told for each in prompts if (told := fact.restated(each, value))]).mean(0) for value in fact.values
    ]
    return F.normalize(torch.stack(means)).cpu()


def _told(fact: CaptionFact, pictures: CaptionedPictures) -> tuple[list[int], Tensor]:
    """The places of the pictures whose captions tell a fact, and the number of each one's value."""
    values = [fact.value(caption) for caption in pictures.captions]
    places = [place for place, value in enumerate(values) if value is not None]
    return places, torch.tensor([fact.values.index(value) for value in values if value is not None])
