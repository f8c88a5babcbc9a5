"""Loading of a target by its name, with its weights."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import torch
from torch import nn

from keyhole.nn.device import MemoryLayout
from keyhole.sizes import Size, size_text
from keyhole.targets.catalogue import SHIPPED, Catalogue
from keyhole.targets.family import NamedModel
from keyhole.targets.neck import answers_with_embedding, with_neck
from keyhole.targets.state_dicts import State, load_state, read_state
from keyhole.targets.target import Target, TargetError, count_outputs
from keyhole.targets.user_models import make_user_model

PRETRAINED = "pretrained"
_SEED = 0
_RANDOM = f"random (seed {_SEED})"
_ADVICE = "where the cut lies before what is missing, --head-only (strict=False) does without it"
_log = logging.getLogger(__name__)


def load_target(
    name: str,
    weights: str | Path | None = None,
    *,
    size: Size | None = None,
    strict: bool = True,
    shipped: Path = SHIPPED,
) -> Target:
    """Load a model to split.

    >>> target = load_target("resnet18-streetcam")
    >>> target.preprocess.size, target.outputs, target.licence
    (128, 512, 'Apache-2.0')

    The weights of known architectures are laid out as `MemoryLayout` says; a model of one's own keeps its layout.

    Args:
        name: ``resnet18-tinyimagenet`` (shipped), ``resnet18`` or ``torchvision:resnet18``, ``timm:NAME``,
            ``conv-stem:NAME``, ``narrow:NAME``, ``open_clip:MODEL``, ``transformers:FOLDER``, ``pruned:FOLDER`` or
            ``defended:FOLDER`` (see `PrunedFamily`), or ``package.module:factory`` (a function without arguments that
            returns an ``nn.Module`` or a `Target`).
        weights: a file (safetensors, or a state dict by ``torch.save``; see `read_state`), ``pretrained`` (the
            hub's), or None: those shipped with the target, else random ones that are the same in every process, with a
            warning. The number of classes follows the file, and so does whether there is a BNNeck in the classifier's
            place.
        size: of the picture in pixels: a side, or height and width; None: the target's own.
        strict: refuse weights that lack tensors of the model or have others. Without it what lacks stays random, which
            suits weights of a head alone; `Target.missing` names it and a warning says so.
        shipped: folder of the shipped weights.

    Raises:
        TargetError: no such target, no such weights, or weights that do not fit.
    """
    target = assemble(name, weights, size=size, strict=strict, shipped=shipped)
    if target.weights == _RANDOM:
        _log.warning("%s has random weights (seed %d): its answers mean nothing", name, _SEED)
    if target.missing:
        _log.warning("%s: %d tensors are not in %s and stay random", name, len(target.missing), target.weights)
    return target


def assemble(
    name: str, weights: str | Path | None = None, *, size: Size | None, strict: bool = True, shipped: Path = SHIPPED
) -> Target:
    """`load_target` without warnings."""
    entry = Catalogue(shipped).find(name)
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        target = (
            _load_user_model(name, weights, size, strict)
            if entry is None
            else _load_named_model(name, entry, weights, size, strict)
        )
    target.model.eval().requires_grad_(False)
    return target


def _load_user_model(name: str, weights: str | Path | None, size: Size | None, strict: bool) -> Target:
    target = make_user_model(name, size)
    if weights is None:
        return target
    if str(weights) == PRETRAINED:
        raise TargetError(f"{name} has no weights on a hub: give a file, or let the factory load them")
    state = read_state(Path(weights), target.model.state_dict())
    missing = load_state(target.model, state.tensors, state.source, strict=strict, advice=_ADVICE)
    return dataclasses.replace(target, weights=str(weights), missing=tuple(missing))


def _load_named_model(
    name: str, entry: NamedModel, weights: str | Path | None, size: Size | None, strict: bool
) -> Target:
    family, own = entry.family, entry.name
    facts = family.facts(own)
    source = weights or (PRETRAINED if facts.weights == "shipped" else None)
    missing: list[str] = []
    detects = facts.detects
    if source is None:
        model = _build(entry, size)
    elif str(source) == PRETRAINED:
        model = _build(entry, size, pretrained=True)
    else:
        model, state, boxes = _model_for_file(entry, size, Path(source))
        detects = boxes or detects
        missing = load_state(model, state.tensors, state.source, strict=strict, advice=_ADVICE)
    MemoryLayout.of(model).module(model)
    preprocess = facts.preprocess if size is None else dataclasses.replace(facts.preprocess, size=size)
    outputs = count_outputs(model, preprocess.size)
    same = (outputs, detects) == (facts.outputs, facts.detects)
    return Target(
        name=name,
        model=model,
        preprocess=preprocess,
        labels=family.labels(own) if source is not None and not missing and same else (),
        outputs=outputs,
        licence=facts.licence,
        weights=_RANDOM if source is None else facts.weights if str(source) == PRETRAINED else str(source),
        missing=tuple(missing),
        defence=facts.defence,
        embeds_texts=facts.embedding == outputs and not answers_with_embedding(model),
    )


def _build(entry: NamedModel, size: Size | None, *, outputs: int | None = None, pretrained: bool = False) -> nn.Module:
    try:
        return entry.family.build(entry.name, size=size, outputs=outputs, pretrained=pretrained)
    except TargetError:
        raise
    except (AssertionError, ValueError) as error:
        if size is None:
            raise
        published = " with its pretrained weights" if pretrained else ""
        raise TargetError(
            f"{entry.name}{published} cannot take pictures of {size_text(size)} pixels: {error}"
        ) from error
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise TargetError(
            f"cannot get the pretrained weights of {entry.name}: {error}. Without a network give a file (--weights)"
        ) from error


def _model_for_file(entry: NamedModel, size: Size | None, path: Path) -> tuple[nn.Module, State, int | None]:
    """The weights in a file, and a model with as many classes as their last layer has, or a BNNeck in its place; the
    number of the classes of boxes, where the file says it."""
    model = _build(entry, size)
    state = read_state(path, model.state_dict())
    if boxes := entry.family.boxes_of(model, state.tensors):
        return _build(entry, size, outputs=boxes), state, boxes
    layers = [(path, layer) for path, layer in model.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    name, layer = layers[-1]
    if f"{name}.running_mean" in state.tensors:
        return with_neck(entry, size), state, None
    stored = state.tensors.get(f"{name}.weight")
    if stored is None or stored.shape[1:] != layer.weight.shape[1:] or len(stored) == len(layer.weight):
        return model, state, None
    return _build(entry, size, outputs=len(stored)), state, None
