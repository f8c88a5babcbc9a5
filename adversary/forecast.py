"""What an adversary would do: every name in its settings, looked up."""

from __future__ import annotations

from adversary.lab import known_defence, picture_size
from adversary.settings import AdversarySettings, check
from keyhole.attacks.entry import open_prior
from keyhole.attacks.registry import ONLINE, choose_all
from keyhole.data.public import public_pictures
from keyhole.nn.device import device_named
from keyhole.priors.prior import load_prior
from keyhole.service.address import Address
from keyhole.service.settings import Forecast


def forecast(settings: AdversarySettings) -> Forecast:
    """What the adversary would do; its prior is loaded, and one public picture taken.

    Raises:
        UsageError: a value is out of range, or no such attack, recipe, prior, device, target, defence or pictures.
    """
    check(settings)
    for address in filter(None, (settings.cloud, settings.listen, settings.oracle, settings.referee, settings.metrics)):
        Address.parse(address)
    chosen = choose_all(settings.attacks, settings.recipe, ONLINE)
    device = device_named(settings.device)
    known_defence(settings)
    next(public_pictures(settings.public, picture_size(settings), settings.seed))
    words = ", ".join(choice.spelled for choice in chosen)
    entries = [choice.entry for choice in chosen]
    open_prior(entries, lambda: load_prior(settings.prior, device=device), settings.sampling_steps)
    prior = f"; prior {settings.prior}" if any(entry.uses_prior for entry in entries) else ""
    return Forecast(
        f"{words} on {device}, up to {settings.budget_seconds:g} s a frame each; tap {settings.tap}{prior}; public "
        f"pictures of {settings.public}"
    )
