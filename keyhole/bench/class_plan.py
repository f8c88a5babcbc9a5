"""Plan of attacks on the classes of a run's targets: every name of theirs is looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from keyhole.attacks.classes.access import generator_folder, ready_attacks
from keyhole.attacks.classes.chosen import chosen_classes
from keyhole.attacks.classes.registry import ChosenClassAttack, choose_class_attacks
from keyhole.bench.class_terms import InversionTerms, PrivateTerms
from keyhole.bench.settings import PlanSettings
from keyhole.bench.sweep import SurveyedTarget
from keyhole.evaluation.classes.pictures import private_names
from keyhole.evaluation.classes.settings import ALL
from keyhole.judge.identity import open_identity_judge
from keyhole.priors.prior import prior_hash
from keyhole.service.errors import UsageError
from keyhole.targets import ModelSettings
from keyhole.targets.load import load_target

CLASSES = "--training-classes"


def known_class_attacks(flags: PlanSettings, terms: InversionTerms, prior: str) -> dict[str, ChosenClassAttack]:
    """The attacks on classes that flags name, by word, without rows of public pictures, which are always there.

    Args:
        flags: name them.
        terms: of the run.
        prior: of the run.

    Raises:
        UsageError: no such attack, generator, prior, judge or evaluator, or a count below 1.
    """
    for flag, count in (("--per-class", terms.per_class), ("--public-n", terms.public_n)):
        if count is not None and count < 1:
            raise UsageError(f"{flag} {count}: expected 1 or more")
    folders = tuple(map(Path, terms.generators))
    words = [name for word in flags.training_set for name in (ready_attacks(folders) if word == ALL else (word,))]
    chosen = [one for one in choose_class_attacks(tuple(dict.fromkeys(words))) if not one.entry.floor]
    for one in chosen:
        for kind in one.recipe.generators:
            generator_folder(folders, kind)
        if one.recipe.uses_prior:
            prior_hash(prior)
    open_identity_judge(terms.judge or None)
    if terms.evaluator:
        load_target(terms.evaluator)
    return {one.word: one for one in chosen}


def class_targets(
    models: Mapping[str, SurveyedTarget], private: PrivateTerms | None, terms: InversionTerms
) -> tuple[str, ...]:
    """Names of the targets that tell private classes apart; the others give nothing of them away by their answers.

    Raises:
        UsageError: there is none, no private pictures are named, or the classes that are to be pictured are not there.
    """
    if private is None:
        raise UsageError("--training-set: give --private the pictures that the targets were trained on")
    known = {name: model.target.labels for name, model in models.items() if model.answers == "classes"}
    sizes = {models[name].target.preprocess.size for name in known}
    names = {size: private_names(private.inversion(ModelSettings()), size) for size in sizes}
    found = [name for name, labels in known.items() if {*labels} & {*names[models[name].target.preprocess.size]}]
    if not found:
        raise UsageError(
            f"--training-set: none of the targets ({', '.join(models)}) tells classes of --private {private.spec} "
            "apart: expected a classifier that was trained on it (`keyhole train target --task classification`)"
        )
    for name in found:
        pictured(terms, known[name])
    return tuple(found)


def pictured(terms: InversionTerms, labels: Sequence[str]) -> tuple[int, ...]:
    """The classes of a target that are pictured.

    Raises:
        UsageError: no such class.
    """
    return chosen_classes(terms.classes, tuple(labels), terms.usual, CLASSES)


def unattacked(targets: Sequence[str], attacked: Sequence[str]) -> Iterator[str]:
    """A sentence on the targets whose classes are not attacked."""
    if others := [name for name in targets if name not in attacked]:
        yield f"training sets: not of {', '.join(others)}, which tells no private class apart"
