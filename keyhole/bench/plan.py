"""Plan of a sweep: a plan file, flags and a preset become axes whose every name is looked up."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import yaml

from keyhole.attacks import Suite
from keyhole.attacks.classes.registry import ChosenClassAttack
from keyhole.attacks.entry import Recipe, open_prior
from keyhole.attacks.registry import ATTACKS, DEFAULT_RECIPE, ChosenAttack, choose_all
from keyhole.bench.axes import Axes, CutTarget
from keyhole.bench.class_plan import class_targets, known_class_attacks
from keyhole.bench.class_terms import InversionTerms, PrivateTerms
from keyhole.bench.links import emulated_link
from keyhole.bench.measure.accuracy import identities
from keyhole.bench.presets import PRESETS
from keyhole.bench.settings import PlanSettings
from keyhole.bench.sweep import SurveyedTarget, SweepSettings, audit_pictures, surveyed_target
from keyhole.data import check_apart, open_source
from keyhole.data.sets.folders import list_folder
from keyhole.defences import spelled
from keyhole.evaluation.classes.pictures import private_names
from keyhole.evaluation.scores import check_scorable
from keyhole.metrics.registry import DEFAULT, metrics_named
from keyhole.priors.prior import load_prior
from keyhole.service.errors import UsageError, unknown_name
from keyhole.sizes import Size, read_size
from keyhole.targets import ModelSettings
from keyhole.targets.answers import check_classifies
from keyhole.targets.membership import TrainedOn, warn_of_members
from keyhole.wire.codec_registry import codec_named

_DEFAULT: Suite = "quick"
_KINDS = {
    int: "a whole number",
    float: "a number",
    str: "text (in quotes where YAML takes it for something else)",
}
T = TypeVar("T")


def read_plan(path: Path) -> PlanSettings:
    """The settings of a plan file; a key that it leaves out is like a flag that is left out.

    Raises:
        UsageError: no such file, no YAML, an unknown key, or a value of another type.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--plan {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"--plan {path} is no YAML: {error}") from error
    if not isinstance(document, dict):
        raise UsageError(f"--plan {path}: expected keys with values, such as `links: [wifi, lte]`")
    hints = get_type_hints(PlanSettings)
    values: dict[str, Any] = {}
    for key, value in document.items():
        name = str(key).replace("-", "_")
        if name not in hints:
            raise UsageError(f"--plan {path}: {unknown_name('key', str(key), hints)}")
        values[name] = _checked(f"--plan {path}: {key}", value, hints[name])
    return PlanSettings(**values)


def merged(flags: PlanSettings, file: PlanSettings) -> PlanSettings:
    """The flags, and the file where a flag is absent."""
    return PlanSettings(**{**_given(file), **_given(flags)})


def _given(settings: PlanSettings) -> Mapping[str, Any]:
    fields = dataclasses.fields(PlanSettings)
    return {f.name: value for f in fields if (value := getattr(settings, f.name)) not in (None, (), "")}


def _checked(where: str, value: object, hint: Any) -> object:
    if hint is str:
        return _scalar(where, value, str)
    parts = get_args(hint)
    if Ellipsis in parts:
        values = value if isinstance(value, list) else [value]
        return tuple(_scalar(where, each, parts[0]) for each in values)
    if tuple[int, int] in parts:
        return _size(where, value)
    if float in parts:
        return _scalar(where, float(value) if type(value) is int else value, float)
    if int in parts:
        return _scalar(where, value, int)
    (allowed,) = (get_args(part) for part in parts if get_args(part))
    if value not in allowed:
        raise UsageError(f"{where}: {unknown_name('value', str(value), allowed)}")
    return value


def _size(where: str, value: object) -> Size:
    try:
        return read_size(str(value))
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _scalar(where: str, value: object, kind: type) -> object:
    if type(value) is not kind:
        expected = _KINDS[kind]
        raise UsageError(f"{where}: expected {expected}, got {value!r}")
    return value


@dataclass(frozen=True)
class SweepPlan:
    """A plan: axes, settings, and what their names stand for.

    Attributes:
        axes: every name in its canonical spelling.
        settings: of the run.
        models: every target, traced, by name.
        attacks: by word, as the axes have them.
        metrics: by name, as they were asked for.
        private: what classifiers were trained on; None: nothing is said of it.
        inversion: how their classes are attacked; None: they are not.
        class_attacks: on them, by word.
    """

    axes: Axes
    settings: SweepSettings
    models: Mapping[str, SurveyedTarget]
    attacks: Mapping[str, ChosenAttack[Recipe]]
    metrics: tuple[str, ...] = DEFAULT
    private: PrivateTerms | None = None
    inversion: InversionTerms | None = None
    class_attacks: Mapping[str, ChosenClassAttack] = field(default_factory=dict)


def resolve(flags: PlanSettings) -> SweepPlan:
    """Look up every name before anything is measured.

    Raises:
        UsageError: no such target, cut, defence, codec, link, attack, prior or metric, or pictures that are too small
            or too few for one.
        FileNotFoundError: no such pictures.
    """
    preset = PRESETS[flags.preset or _DEFAULT]
    settings = _sweep_settings(flags)
    _check(flags, settings)
    wanted = [_target_and_cuts(spec) for spec in flags.targets or preset.targets]
    if settings.weights and len(wanted) > 1:
        raise UsageError(f"--weights {settings.weights} with {len(wanted)} targets: expected one")
    models = {name: surveyed_target(settings.model(name)) for name, _ in wanted}
    for size in {model.target.preprocess.size for model in models.values() if model.answers == "identities"}:
        identities(settings, size)
    private, inversion = PrivateTerms.of(flags), InversionTerms.of(flags, preset.inversion)
    if private:
        for size in {model.target.preprocess.size for model in models.values() if model.answers == "classes"}:
            private_names(private.inversion(ModelSettings()), size)
    cuts: dict[str, tuple[str, ...]] = {}
    for name, own in wanted:
        found = _cuts(models[name], own or flags.cuts, flags.points or preset.points)
        cuts[name] = tuple(dict.fromkeys((*cuts.get(name, ()), *found)))
    axes = Axes(
        targets=tuple(CutTarget(name, points) for name, points in cuts.items()),
        defences=_unique(spelled(spec) for spec in flags.defences or preset.defences),
        codecs=_unique(flags.codecs or preset.codecs),
        links=_unique(flags.links or preset.links),
        attacks=_unique(flags.attacks or preset.attacks),
        seeds=_unique(flags.seeds or preset.seeds),
    )
    of_classes: dict[str, ChosenClassAttack] = {}
    if inversion:
        of_classes = known_class_attacks(flags, inversion, settings.prior)
        targets = class_targets(models, private, inversion)
        axes = replace(axes, class_attacks=tuple(of_classes), class_targets=targets)
    attacks = _known_attacks(axes, settings)
    metrics = metrics_named(flags.metrics or DEFAULT)
    for model, attack in itertools.product(models.values(), attacks.values()):
        check_scorable(metrics, model.target.preprocess.size, attack.spend(settings.preset).n)
        if attack.entry.classes:
            check_classifies(model.target, attack.word)
    most = max((attack.spend(settings.preset).n for attack in attacks.values()), default=0)
    for name, model in models.items():
        _warn_of_members(name, model, settings, most)
    names = tuple(metric.name for metric in metrics)
    return SweepPlan(axes, settings, models, attacks, names, private, inversion, of_classes)


def _warn_of_members(name: str, model: SurveyedTarget, settings: SweepSettings, count: int) -> None:
    """Warn where the pictures that are attacked show whom the target was trained on."""
    trained = TrainedOn.of_target(settings.model(name))
    if trained.keys and count:
        samples = audit_pictures(settings, model.target.preprocess.size, count)
        warn_of_members(trained, name, settings.source, [sample.label for sample in samples])


def _sweep_settings(flags: PlanSettings) -> SweepSettings:
    return SweepSettings(
        preset=flags.preset or _DEFAULT,
        source=flags.source or "streetcam",
        public=flags.public or "streetcam",
        prior=flags.prior or "streetcam",
        classes=flags.classes,
        identities=flags.identities or "streetcam",
        weights=flags.weights,
        size=flags.size,
        threads=flags.threads or 1,
    )


def _check(flags: PlanSettings, settings: SweepSettings) -> None:
    counts = {"--points": flags.points, "--threads": flags.threads}
    for flag, value in counts.items():
        if value is not None and value < 1:
            raise UsageError(f"{flag} {value}: expected 1 or more")
    open_source(settings.source, pool="audit", size=1)
    open_source(settings.public, pool="public", size=1)
    check_apart(settings.source, settings.public)
    if settings.classes:
        list_folder(Path(settings.classes), "val")


def _target_and_cuts(spec: str) -> tuple[str, tuple[str, ...]]:
    """A target's name and the cuts of its own."""
    name, _, cuts = spec.partition("@")
    return name, tuple(cut for cut in cuts.split(",") if cut)


def _cuts(model: SurveyedTarget, named: Sequence[str], points: int) -> tuple[str, ...]:
    survey = model.survey
    if named:
        return tuple(survey.name(survey.index(cut)) for cut in named)
    blocks = [survey.name(index) for index in sorted(survey.aliases)] or list(model.blocks)
    steps = min(points, len(blocks))
    return tuple(blocks[round((place + 0.5) * len(blocks) / steps - 0.5)] for place in range(steps))


def _known_attacks(axes: Axes, settings: SweepSettings) -> dict[str, ChosenAttack[Recipe]]:
    """The attacks of the axes, once codecs, links and prior are looked up too."""
    for codec in axes.codecs:
        codec_named(codec)
    for link in axes.links:
        emulated_link(link)
    chosen = choose_all(axes.attacks, DEFAULT_RECIPE, ATTACKS)
    open_prior([attack.entry for attack in chosen], lambda: load_prior(settings.prior))
    return {attack.word: attack for attack in chosen}


def _unique(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
