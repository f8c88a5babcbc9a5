"""The adversary process: tap -> frames -> each attack's backlog -> pictures -> the referee."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import torch
from prometheus_client import Counter

from adversary.frame_queue import SharedFrame
from adversary.preparation import chosen_attacks, known_defence, open_knowledge
from adversary.referee_client import RefereeClient
from adversary.remote_oracle import ObservedCodec
from adversary.roster import AttackRoster
from adversary.settings import AdversarySettings, check
from adversary.taps import CloudTap, FrameFilter, TapSubscription
from adversary.wire_tap import WireTap
from adversary.worker import Origin, Submit, Worker
from keyhole.attacks.base import Budget, RunSettings, Watch
from keyhole.attacks.entry import OnlineRecipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.nn.device import device_named
from keyhole.service import lifecycle
from keyhole.service.address import Address, publish
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.wire.client import connect

DRAIN_SECONDS = 3.0
RATE_SECONDS = 5.0
ROLE = "adversary"
_log = logging.getLogger(__name__)


def run(settings: AdversarySettings) -> int:
    """Attack until told to stop; returns the exit code."""
    return lifecycle.run(ROLE, partial(adversary, settings), settings.log)


def adversary(settings: AdversarySettings, stop: Stop) -> None:
    """Attack every frame that the tap copies, as far as time allows.

    Raises:
        UsageError: a setting is wrong, or the cloud refuses the tap's token.
        OSError: it cannot listen on an address.
    """
    check(settings)
    chosen, blind = chosen_attacks(settings)
    torch.set_num_threads(settings.threads)
    metrics = Metrics(ROLE)
    page = metrics.serve(settings.metrics)

    with ExitStack() as stack:  # closed from the last line to the first
        stack.callback(metrics.close)
        # the monitor, the tap, and the knowledge that attacks share
        roster = AttackRoster(chosen, settings.tap, settings.queries)
        submit = _submit(settings, metrics, stop, stack, roster)
        workers: list[Worker] = []
        holds: list[Callable[[], object]] = []
        stack.callback(_close_all, holds)
        tap = stack.enter_context(TAPS[settings.tap](settings, metrics))
        places = {"metrics": page, **({"listen": tap.address} if tap.address else {})}
        publish(settings.addresses, places)
        _log.info("listening", extra=places)
        codec, shared_frame = ObservedCodec(), SharedFrame()
        known = open_knowledge(settings, _closed_with(holds), ROLE, codec)

        def begin(choice: ChosenAttack[OnlineRecipe]) -> None:
            """A worker for the attack, or for each of its rungs."""
            each = partial(_run_settings, settings, choice, metrics, roster)
            for rung in choice.recipe.rungs(known, each, _closed_with(holds)):
                by = choice.name, choice.recipe_name, rung.name
                origin = Origin(*by, rung.knowledge, settings.tap, settings.seed)
                room, threads = settings.backlog, settings.threads
                workers.append(Worker(origin, rung, submit, metrics, stop, room, threads, shared_frame))
                holds.append(partial(workers[-1].close, DRAIN_SECONDS))
            roster.ready(choice.name)

        # the blind attacker draws and samples its pictures; nobody waits for it
        threading.Thread(target=_begin_blind, args=(partial(begin, blind), settings.threads), daemon=True).start()
        for choice in chosen:
            begin(choice)
        _log.info("attacking", extra={"attacks": ",".join(settings.attacks), **_place(settings)})

        # every readable frame goes to all of them
        readable = FrameFilter(metrics, settings.target, known_defence(settings), codec)
        for frame in tap.frames(stop):
            if (observation := readable.admit(frame)) is not None:
                for worker in tuple(workers):
                    worker.offer(observation)


def _begin_blind(begin: Callable[[], object], threads: int) -> None:
    torch.set_num_threads(threads)
    try:
        begin()
    except Exception:
        _log.exception("the blind attacker does not run, so nothing says what its score is without any frame")
    else:
        _log.info("the blind attacker is ready")


def _place(settings: AdversarySettings) -> dict[str, str]:
    return {"tap": settings.tap, "target": settings.target, "device": str(device_named(settings.device))}


def _run_settings(
    settings: AdversarySettings,
    choice: ChosenAttack[OnlineRecipe],
    metrics: Metrics,
    roster: AttackRoster,
    rung: str,
) -> RunSettings:
    rate = StepRate(metrics.attack_iterations.labels(choice.name, rung).inc)
    metrics.attack_rate.labels(choice.name, rung).set_function(rate.per_second)

    def stepped() -> None:
        rate.step()
        roster.stepped(choice.name, rung)

    return RunSettings(
        Budget(choice.recipe.steps(), settings.budget_seconds),
        settings.seed,
        Watch(settings.interval, stepped),
        settings.threads,
        sampling_steps=settings.sampling_steps,
        queries=settings.queries,
    )


def _closed_with(holds: list[Callable[[], object]]) -> ExitStack:
    """A stack that is closed with the others."""
    stack = ExitStack()
    holds.append(stack.close)
    return stack


def _close_all(holds: Sequence[Callable[[], object]]) -> None:
    """Close all at once, within ``DRAIN_SECONDS``: a worker may wait for a network, and that for the oracle."""
    threads = [threading.Thread(target=close, name="close", daemon=True) for close in holds]
    for thread in threads:
        thread.start()
    end = time.monotonic() + DRAIN_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _cloud_tap(settings: AdversarySettings, metrics: Metrics) -> TapSubscription:
    if not settings.tap_token:
        raise UsageError("--tap cloud needs --tap-token, a file of the secret that the cloud was started with")
    return CloudTap(connect(settings.cloud, tls=settings.tls, role=ROLE), settings.tap_token, metrics.tap_dropped.inc)


def _wire_tap(settings: AdversarySettings, metrics: Metrics) -> TapSubscription:
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


TAPS: dict[str, Callable[[AdversarySettings, Metrics], TapSubscription]] = {"cloud": _cloud_tap, "wire": _wire_tap}


def _submit(
    settings: AdversarySettings, metrics: Metrics, stop: Stop, stack: ExitStack, roster: AttackRoster
) -> Submit:
    """What hands reconstructions to the monitor, which is told the roster from now on, if there is a monitor."""
    if settings.referee is None:
        return lambda _: None
    channel = stack.enter_context(connect(settings.referee, tls=settings.tls, role=ROLE))
    referee = RefereeClient(channel, metrics.dropped.labels("unsubmitted").inc)
    roster.announce(referee.announce, stop)
    return lambda reconstruction: referee.submit(reconstruction, stop)


class StepRate:
    """Steps of an attack: how many in all, and how many per second over the last five.

    Args:
        count: called for each step.
        clock: seconds, monotonic.
    """

    def __init__(self, count: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()

    def step(self) -> None:
        """Count one."""
        self._count()
        now = self._clock()
        with self._lock:
            self._recent.append(now)
            self._forget(now)

    def per_second(self) -> float:
        """Steps per second over the last five seconds."""
        with self._lock:
            self._forget(self._clock())
            return len(self._recent) / RATE_SECONDS

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - RATE_SECONDS:
            self._recent.popleft()
