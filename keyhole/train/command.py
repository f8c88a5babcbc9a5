"""``keyhole train``: from pictures to weights with a card."""

from __future__ import annotations

import dataclasses
import shlex
import sys

import torch
import torchvision
from rich.console import Console
from torch import nn

from keyhole.targets.card import WEIGHTS, Card, write_card
from keyhole.targets.preprocess import Preprocess
from keyhole.targets.quantise import load_weights, save_quantised
from keyhole.train.classifier import LabelledPictures, Recipe, top_k, train_classifier
from keyhole.train.settings import TrainSettings


def train(settings: TrainSettings) -> int:
    """Train, store as int8, measure what is stored, write the card; the exit code."""
    console = Console()
    recipe = Recipe(
        stages=tuple(_stage(text) for text in settings.stages),
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        precision=settings.precision,
        seed=settings.seed,
    )
    train_set, validation = (LabelledPictures.load(settings.data, split) for split in ("train", "val"))
    if train_set.names != validation.names:
        raise ValueError(f"{settings.data}: train/ and val/ hold different classes")
    preprocess = Preprocess(settings.size)
    console.print(f"{len(train_set.labels)} pictures of {len(train_set.names)} classes, {recipe.epochs} epochs")
    settings.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    model = _architecture(settings.architecture, len(train_set.names))
    model = train_classifier(model, train_set, validation, preprocess, recipe, settings.out)

    figures = {"top1_fp32": top_k(model, validation, preprocess), "top5_fp32": top_k(model, validation, preprocess, 5)}
    save_quantised(model.state_dict(), settings.out / WEIGHTS)
    model.load_state_dict(load_weights(settings.out / WEIGHTS))
    figures |= {"top1": top_k(model, validation, preprocess), "top5": top_k(model, validation, preprocess, 5)}
    card = Card(
        name=settings.out.name,
        architecture=settings.architecture,
        data=f"{settings.data_name}: {len(train_set.labels)} pictures, enlarged to {settings.size} pixels",
        licence=settings.licence,
        recipe=dataclasses.asdict(recipe),
        seed=settings.seed,
        figures={name: round(value, 2) for name, value in figures.items()},
        command=shlex.join(["keyhole", *sys.argv[1:]]),
        size=settings.size,
        mean=preprocess.mean,
        std=preprocess.std,
        labels=tuple(_readable(name) for name in train_set.names),
        sha256="",
    )
    write_card(card, settings.out)
    console.print({name: f"{value:.1f} %" for name, value in figures.items()})
    return 0


def _stage(text: str) -> tuple[int, int]:
    side, _, epochs = text.partition(":")
    if not (side.isdecimal() and epochs.isdecimal() and int(side) and int(epochs)):
        raise ValueError(f"stage {text!r}: expected SIDE:EPOCHS, for example 64:8")
    return int(side), int(epochs)


def _architecture(name: str, outputs: int) -> nn.Module:
    available = torchvision.models.list_models(torchvision.models)
    if name not in available:
        raise ValueError(f"no classifier {name!r} in torchvision.models; it has {', '.join(available)}")
    model: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=outputs)
    return model


def _readable(folder: str) -> str:
    """A class name without the WordNet number that Tiny-ImageNet's folders start with."""
    number, _, name = folder.partition("_")
    return name.replace("_", " ") if name and number[:1] == "n" and number[1:].isdecimal() else folder
