"""Preparation of an adversary: the head, oracle, prior and public pictures that its settings name, and a forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache, partial
from itertools import takewhile

import torch
from torch import Tensor

from adversary.class_recall import RecallPlan
from adversary.remote_oracle import ObservedCodec, RemoteOracle
from adversary.settings import AdversarySettings, check
from keyhole.attacks import FLOOR
from keyhole.attacks.base import Access, BlackBox, WhiteBox
from keyhole.attacks.blind_knowledge import REMEMBERED, Blind
from keyhole.attacks.clip_recipes import choose_online, takes_clips
from keyhole.attacks.cloud_side import CloudSide
from keyhole.attacks.entry import OnlineRecipe, open_prior
from keyhole.attacks.missing import no_captions, no_public
from keyhole.attacks.registry import DEFAULT_RECIPE, ONLINE, ChosenAttack, choose
from keyhole.attacks.saved import SavedAttackers
from keyhole.attacks.told import check_text, needs_captions
from keyhole.data.clips import live_window, public_clips
from keyhole.data.public import RememberedPictures, described_pictures, labelled_pictures, public_pictures
from keyhole.defences import UNPROTECTED, Defence, defence_named, spelled
from keyhole.nn.device import CPU, device_named
from keyhole.nn.untrained_copy import untrained_copy
from keyhole.partition import partitioned
from keyhole.priors.prior import Prior, load_prior
from keyhole.service.address import Address
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.service.settings import Forecast
from keyhole.sizes import Size
from keyhole.targets import ModelSettings
from keyhole.targets.catalogue import Catalogue, protection
from keyhole.targets.load import assemble
from keyhole.wire.channels import connect


def chosen_attacks(
    settings: AdversarySettings,
) -> tuple[tuple[ChosenAttack[OnlineRecipe], ...], ChosenAttack[OnlineRecipe]]:
    """The attacks that the flags name, and the blind attacker, which always runs beside them.

    Raises:
        UsageError: no such attack or recipe, two words for the same, a text that they cannot use, or a folder of
            `--attackers` without one.
    """
    SavedAttackers(settings.attackers).check()
    words = [word for word in settings.attacks if word != FLOOR]
    chosen = choose_online(words, settings.recipe, settings.clip)
    check_text(settings.text, chosen)
    return chosen, choose(FLOOR, DEFAULT_RECIPE, ONLINE)


def open_knowledge(
    settings: AdversarySettings, stack: ExitStack, role: str, codec: ObservedCodec, stop: Stop
) -> Access:
    """Knowledge of a running adversary; its channels are closed with the stack.

    Args:
        settings: flags.
        stack: outlives the attacks.
        role: whose certificate to show.
        codec: of the frames, for the oracle.
        stop: the blind attacker draws no more pictures.

    Raises:
        UsageError: no such defence or device.
    """
    device = device_named(settings.device)
    prior = cache(partial(load_prior, settings.prior, device=device, text=next(iter(settings.text), None)))
    defence = defence_named(settings.defence)

    pictured = picture_size(settings), settings.seed

    def opened() -> Iterator[Tensor]:
        return public_pictures(settings.public, *pictured)

    # drawn once for the blind attacker and those that learn, in the first seconds, when they all need them
    public = RememberedPictures(opened, REMEMBERED)

    def clips(frames: int) -> Iterator[Tensor]:
        return public_clips(settings.public, live_window(settings.public, frames, settings.stride), *pictured)

    def black() -> BlackBox:
        channel = stack.enter_context(connect(settings.oracle, tls=settings.tls, role=role))
        return BlackBox(RemoteOracle(channel, codec), public(), picture_size(settings), prior, device, clips, described)

    def described() -> Iterator[tuple[Tensor, str]]:
        return described_pictures(settings.public, *pictured)

    def drawn() -> Iterator[Tensor]:
        return takewhile(lambda _: not stop.is_set(), public())

    blind = cache(lambda: Blind(drawn, picture_size(settings), prior, device))
    white = partial(white_box, settings, prior, public, defence, device, described)
    return Access(white, black, blind, partial(cloud_side, settings, defence, device))


def cloud_side(settings: AdversarySettings, defence: Defence, device: torch.device) -> CloudSide:
    """The cloud's half of the target, as an attacker has it who is the cloud.

    Raises:
        TargetError: no such target or weights.
        CutError: no such cut.
        UsageError: the flags name a head alone.
    """
    if settings.head_only:
        raise UsageError("query-free attacks with the cloud's half of the model, and --head-only names a head alone")
    target, partition = partitioned(settings)
    preprocess = target.preprocess
    labelled = partial(labelled_pictures, settings.public, preprocess.size, settings.seed, target.labels)
    shadow = partial(untrained_copy, partition.head)
    return CloudSide(shadow, partition.tail, preprocess.normalise, preprocess.size, labelled, defence, device)


def white_box(
    settings: ModelSettings,
    prior: Callable[[], Prior],
    public: Callable[[], Iterator[Tensor]] = no_public,
    defence: Defence = UNPROTECTED,
    device: torch.device = CPU,
    described: Callable[[], Iterator[tuple[Tensor, str]]] = no_captions,
) -> WhiteBox:
    """The head that the flags name, on a device, beside a prior, public pictures and the defence of the frames.

    Raises:
        TargetError: no such target or weights.
        CutError: no such cut.
    """
    target, partition = partitioned(settings)
    preprocess = target.preprocess
    head = partition.head.to(device)
    return WhiteBox(head, preprocess.normalise, preprocess.size, prior, public, defence, device, described)


def picture_size(settings: ModelSettings) -> Size:
    """Side of the target's pictures in pixels, from its architecture alone.

    Raises:
        TargetError: no such target.
    """
    if settings.size is not None:
        return settings.size
    entry = Catalogue().find(settings.target)
    if entry is None:
        return assemble(settings.target, size=None).preprocess.size
    return entry.family.facts(entry.name).preprocess.size


def check_captions(settings: AdversarySettings, chosen: Sequence[ChosenAttack[OnlineRecipe]]) -> None:
    """Refuse public pictures without captions, where an attack trains on them and is told a text.

    Raises:
        UsageError: says what to give.
    """
    if needs_captions(settings.text, chosen):
        next(described_pictures(settings.public, picture_size(settings), settings.seed))


def known_defence(settings: AdversarySettings) -> str:
    """The defence of the frames that the attacks are for: what the target was trained as, and the flag.

    Raises:
        TargetError: no such target.
        UsageError: no such defence.
    """
    return protection(settings.target, spelled(settings.defence))


def forecast(settings: AdversarySettings) -> Forecast:
    """A forecast of the adversary: every name in its settings is looked up, its prior loaded, one public picture taken.

    Raises:
        UsageError: a value is out of range, or no such attack, recipe, prior, device, target, defence or pictures.
    """
    check(settings)
    for address in filter(None, (settings.cloud, settings.listen, settings.oracle, settings.referee, settings.metrics)):
        Address.parse(address)
    chosen, _ = chosen_attacks(settings)
    device = device_named(settings.device)
    known_defence(settings)
    check_captions(settings, chosen)
    next(public_pictures(settings.public, picture_size(settings), settings.seed))
    if any(takes_clips(choice) and choice.recipe.learns for choice in chosen):
        window = live_window(settings.public, settings.clip, settings.stride)
        public_clips(settings.public, window, picture_size(settings), settings.seed)
    words = ", ".join(choice.spelled for choice in chosen)
    entries = [choice.entry for choice in chosen]
    load = partial(load_prior, settings.prior, device=device, text=next(iter(settings.text), None))
    open_prior(entries, load, settings.sampling_steps)
    recalled = f"; {_recalled(settings)}" if settings.recall else ""
    prior = f"; prior {settings.prior}" if any(entry.uses_prior for entry in entries) else ""
    return Forecast(
        f"{words} on {device}, up to {settings.budget_seconds:g} s a frame each, beside the blind attacker; tap "
        f"{settings.tap}{prior}; public pictures of {settings.public}{recalled}"
    )


def _recalled(settings: AdversarySettings) -> str:
    plan = RecallPlan.of(settings)
    return (
        f"{plan.chosen.word} pictures {len(plan.labels)} of {plan.target.outputs} training classes beside it, as after "
        "a breach of the cloud"
    )
