"""The adversary process: tap -> frames -> each attack's backlog -> pictures -> the referee."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from prometheus_client import Counter

from adversary.agenda import Agenda
from adversary.frame_filter import Door
from adversary.lab import known_defence, lab
from adversary.meter import Meter
from adversary.referee import Referee
from adversary.settings import AdversarySettings, check
from adversary.taps import CloudTap, Tap
from adversary.wire_tap import WireTap
from adversary.worker import Signature, Submit, Worker
from keyhole.attacks.base import Budget, RunSettings, Watch
from keyhole.attacks.entry import OnlineRecipe
from keyhole.attacks.registry import ONLINE, ChosenAttack, choose_all
from keyhole.nn.device import device_named
from keyhole.service import lifecycle
from keyhole.service.address import Address, publish
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.wire.client import connect

DRAIN_SECONDS = 3.0
ROLE = "adversary"
_log = logging.getLogger(__name__)


def run(settings: AdversarySettings) -> int:
    """Attack until told to stop; returns the exit code."""
    return lifecycle.run(ROLE, partial(adversary, settings), settings.log)


def adversary(settings: AdversarySettings, stop: Stop) -> None:
    """Attack every frame that the tap copies, as far as time allows.

    Raises:
        UsageError: a setting is wrong, or the cloud refuses the tap's token.
        OSError: an address cannot be listened on.
    """
    check(settings)
    chosen = choose_all(settings.attacks, settings.recipe, ONLINE)
    metrics = Metrics(ROLE)
    page = metrics.serve(settings.metrics)

    with ExitStack() as stack:  # closed from the last line to the first
        stack.callback(metrics.close)
        submit = _submit(settings, metrics, stop, stack)
        workers: list[Worker] = []
        holds: list[Callable[[], object]] = []
        stack.callback(_let_go, holds)
        tap = stack.enter_context(TAPS[settings.tap](settings, metrics))
        places = {"metrics": page, **({"listen": tap.address} if tap.address else {})}
        publish(settings.addresses, places)
        _log.info("listening", extra=places)
        known, agenda = lab(settings, _held(holds), ROLE), Agenda()
        for choice in chosen:
            for rung in choice.recipe.rungs(known, partial(_terms, settings, choice, metrics), _held(holds)):
                by = choice.name, choice.recipe_name, rung.name
                signature = Signature(*by, rung.knowledge, settings.tap, settings.seed)
                shared = agenda if rung.together == 1 else None
                room, threads = settings.backlog, settings.threads
                workers.append(Worker(signature, rung, submit, metrics, stop, room, threads, shared))
                holds.append(partial(workers[-1].close, DRAIN_SECONDS))
        _log.info("attacking", extra={"attacks": ",".join(settings.attacks), **_place(settings)})

        door = Door(metrics, settings.target, known_defence(settings))
        for frame in tap.frames(stop):
            if (observation := door.admit(frame)) is not None:
                for worker in workers:
                    worker.offer(observation)


def _place(settings: AdversarySettings) -> dict[str, str]:
    return {"tap": settings.tap, "target": settings.target, "device": str(device_named(settings.device))}


def _terms(settings: AdversarySettings, choice: ChosenAttack[OnlineRecipe], metrics: Metrics, rung: str) -> RunSettings:
    meter = Meter(metrics.attack_iterations.labels(choice.name, rung).inc)
    metrics.attack_rate.labels(choice.name, rung).set_function(meter.rate)
    return RunSettings(
        Budget(choice.recipe.steps(), settings.budget_seconds),
        settings.seed,
        Watch(settings.interval, meter.step),
        settings.threads,
        sampling_steps=settings.sampling_steps,
        queries=settings.queries,
    )


def _held(holds: list[Callable[[], object]]) -> ExitStack:
    """A stack that is closed with the others."""
    stack = ExitStack()
    holds.append(stack.close)
    return stack


def _let_go(holds: Sequence[Callable[[], object]]) -> None:
    """Close all at once, within ``DRAIN_SECONDS``: a worker may wait for a network, and that for the oracle."""
    threads = [threading.Thread(target=close, name="close", daemon=True) for close in holds]
    for thread in threads:
        thread.start()
    end = time.monotonic() + DRAIN_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _cloud_tap(settings: AdversarySettings, metrics: Metrics) -> Tap:
    if not settings.tap_token:
        raise UsageError("--tap cloud needs --tap-token, a file of the secret that the cloud was started with")
    return CloudTap(connect(settings.cloud, tls=settings.tls, role=ROLE), settings.tap_token, metrics.tap_dropped.inc)


def _wire_tap(settings: AdversarySettings, metrics: Metrics) -> Tap:
    unread = Counter(
        "keyhole_ciphertext_bytes_total", "Bytes relayed unread, by the wire tap.", registry=metrics.registry
    )
    return WireTap(
        Address.parse(settings.listen),
        Address.parse(settings.cloud),
        connect(settings.cloud),
        lost=metrics.tap_dropped.inc,
        malformed=metrics.dropped.labels("malformed").inc,
        ciphertext=unread.inc,
    )


TAPS: dict[str, Callable[[AdversarySettings, Metrics], Tap]] = {"cloud": _cloud_tap, "wire": _wire_tap}


def _submit(settings: AdversarySettings, metrics: Metrics, stop: Stop, stack: ExitStack) -> Submit:
    if settings.referee is None:
        return lambda _: None
    channel = stack.enter_context(connect(settings.referee, tls=settings.tls, role=ROLE))
    referee = Referee(channel, metrics.dropped.labels("unsubmitted").inc)
    return lambda reconstruction: referee.submit(reconstruction, stop)
