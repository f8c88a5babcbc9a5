"""From settings to axes and terms: every name is looked up before anything is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from keyhole.attacks.entry import Recipe, Suite, open_prior
from keyhole.attacks.registry import ATTACKS, DEFAULT_RECIPE, ChosenAttack, choose_all
from keyhole.bench.axes import Axes, CutTarget, emulated_link
from keyhole.bench.measure.identities import identities
from keyhole.bench.opening import Opened, opened
from keyhole.bench.presets import PRESETS
from keyhole.bench.settings import PlanSettings
from keyhole.bench.setup import Terms
from keyhole.data import check_apart, open_source
from keyhole.data.sets.folders import list_folder
from keyhole.defences import spelled
from keyhole.priors.prior import load_prior
from keyhole.service.errors import UsageError
from keyhole.targets import ModelSettings
from keyhole.wire.codec_registry import codec_named

_DEFAULT: Suite = "quick"
T = TypeVar("T")


@dataclass(frozen=True)
class Resolved:
    """What is to be measured.

    Attributes:
        axes: every name in its canonical spelling.
        terms: of the run.
        models: every target, opened, by name.
        attacks: by word, as the axes have them.
    """

    axes: Axes
    terms: Terms
    models: Mapping[str, Opened]
    attacks: Mapping[str, ChosenAttack[Recipe]]


def resolve(settings: PlanSettings) -> Resolved:
    """Look up all that the settings name.

    Raises:
        UsageError: no such target, cut, defence, codec, link, attack or prior.
        FileNotFoundError: no such pictures.
    """
    preset = PRESETS[settings.preset or _DEFAULT]
    terms = _terms(settings)
    _check(settings, terms)
    wanted = [_parted(spec) for spec in settings.targets or preset.targets]
    if terms.weights and len(wanted) > 1:
        raise UsageError(f"--weights {terms.weights} with {len(wanted)} targets: expected one")
    models = {name: opened(_model(name, terms)) for name, _ in wanted}
    for size in {model.target.preprocess.size for model in models.values() if model.embeds}:
        identities(terms, size)
    cuts: dict[str, tuple[str, ...]] = {}
    for name, own in wanted:
        found = _cuts(models[name], own or settings.cuts, settings.points or preset.points)
        cuts[name] = tuple(dict.fromkeys((*cuts.get(name, ()), *found)))
    axes = Axes(
        targets=tuple(CutTarget(name, points) for name, points in cuts.items()),
        defences=_unique(spelled(spec) for spec in settings.defences or preset.defences),
        codecs=_unique(settings.codecs or preset.codecs),
        links=_unique(settings.links or preset.links),
        attacks=_unique(settings.attacks or preset.attacks),
        seeds=_unique(settings.seeds or preset.seeds),
    )
    return Resolved(axes, terms, models, _looked_up(axes, terms))


def _terms(settings: PlanSettings) -> Terms:
    return Terms(
        preset=settings.preset or _DEFAULT,
        source=settings.source or "streetcam",
        public=settings.public or "streetcam",
        prior=settings.prior or "streetcam",
        classes=settings.classes,
        identities=settings.identities or "streetcam",
        weights=settings.weights,
        size=settings.size,
        threads=settings.threads or 1,
    )


def _check(settings: PlanSettings, terms: Terms) -> None:
    counts = {"--points": settings.points, "--threads": settings.threads}
    for flag, value in counts.items():
        if value is not None and value < 1:
            raise UsageError(f"{flag} {value}: expected 1 or more")
    open_source(terms.source, pool="audit", size=1)
    open_source(terms.public, pool="public", size=1)
    check_apart(terms.source, terms.public)
    if terms.classes:
        list_folder(Path(terms.classes), "val")


def _parted(spec: str) -> tuple[str, tuple[str, ...]]:
    """A target's name and the cuts of its own."""
    name, _, cuts = spec.partition("@")
    return name, tuple(cut for cut in cuts.split(",") if cut)


def _model(name: str, terms: Terms) -> ModelSettings:
    return ModelSettings(target=name, weights=terms.weights or None, size=terms.size)


def _cuts(model: Opened, named: Sequence[str], points: int) -> tuple[str, ...]:
    survey = model.survey
    if named:
        return tuple(survey.name(survey.index(cut)) for cut in named)
    blocks = [survey.name(index) for index in sorted(survey.aliases)] or list(model.blocks)
    steps = min(points, len(blocks))
    return tuple(blocks[round((place + 0.5) * len(blocks) / steps - 0.5)] for place in range(steps))


def _looked_up(axes: Axes, terms: Terms) -> dict[str, ChosenAttack[Recipe]]:
    """The attacks, once every name is known."""
    for codec in axes.codecs:
        codec_named(codec)
    for link in axes.links:
        emulated_link(link)
    chosen = choose_all(axes.attacks, DEFAULT_RECIPE, ATTACKS)
    open_prior([attack.entry for attack in chosen], lambda: load_prior(terms.prior))
    return {attack.word: attack for attack in chosen}


def _unique(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
