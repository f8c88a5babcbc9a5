"""The adversary process: tap -> frames -> each attack's backlog -> pictures -> the referee."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import torch
from prometheus_client import Counter

from adversary.beginning import begin_attacks
from adversary.class_recall import PREPARING, RecallPlan
from adversary.clip_gathering import ClipGatherer
from adversary.frame_queue import Frames, SharedFrames
from adversary.preparation import check_captions, chosen_attacks, known_defence, open_knowledge
from adversary.recall_process import RecallProcess
from adversary.referee_client import RefereeClient
from adversary.remote_oracle import ObservedCodec
from adversary.roster import AttackRoster
from adversary.settings import AdversarySettings, check
from adversary.taps import CloudTap, FrameFilter, TapSubscription
from adversary.trained_attackers import ObservedOrigin, TrainedAttackers
from adversary.wire_tap import WireTap
from adversary.worker import Origin, Submit, Worker
from adversary.worker_pool import WorkerPool
from keyhole.attacks.base import Budget, Observation, RunSettings, Watch
from keyhole.attacks.clip_recipes import takes_clips
from keyhole.attacks.entry import OnlineRecipe
from keyhole.attacks.features.learner import TrainedNetwork
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.attacks.told import texts_for
from keyhole.nn.device import device_named
from keyhole.service import lifecycle
from keyhole.service.address import Address, publish
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.wire.channels import connect

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
    check_captions(settings, chosen)
    plan = RecallPlan.of(settings) if settings.recall else None
    torch.set_num_threads(settings.threads)
    metrics = Metrics(ROLE)
    page = metrics.serve(settings.metrics)

    with ExitStack() as stack:  # closed from the last line to the first
        stack.callback(metrics.close)
        # the monitor, the tap, and the knowledge that attacks share
        roster = AttackRoster(chosen, settings.tap, settings.queries)
        if plan:
            roster.recalling(plan.status(PREPARING, "starts a process of its own"))
        referee = _referee(settings, metrics, stack)
        submit = _submit(referee, stop, roster)
        pool = WorkerPool(_gather(settings, metrics))
        stack.callback(pool.close, DRAIN_SECONDS)
        tap = stack.enter_context(TAPS[settings.tap](settings, metrics))
        places = {"metrics": page, **({"listen": tap.address} if tap.address else {})}
        publish(settings.addresses, places)
        _log.info("listening", extra=places)
        codec, observed, shared_frame = ObservedCodec(), ObservedOrigin(), SharedFrames()
        shared_clip = SharedFrames(changed=lambda clip: shared_frame.share(clip[-1:]))
        trained = TrainedAttackers(settings, observed, stop, roster.trained)
        known = open_knowledge(settings, _closed_with(pool), ROLE, codec, stop)

        def begin(choice: ChosenAttack[OnlineRecipe]) -> None:
            """A worker for the attack, or for each of its rungs."""
            clips = takes_clips(choice)
            shared = shared_clip if clips else shared_frame
            each = partial(_run_settings, settings, choice, metrics, roster, partial(trained.network, choice))
            for rung in choice.recipe.rungs(known, each, _closed_with(pool)):
                by = choice.name, choice.recipe_name, rung.name
                origin = Origin(*by, rung.knowledge, settings.tap, settings.seed)
                room, threads = settings.backlog, settings.threads
                worker = Worker(origin, rung, submit, metrics, stop, room, threads, shared)
                pool.add(worker, DRAIN_SECONDS, clips=clips)
            roster.ready(choice.name)

        if plan:
            send = referee.recall if referee else lambda _: True
            recall = RecallProcess(settings, plan, roster.recalling, send, stop)
            stack.callback(recall.close)

        awaited = [choice for choice in chosen if trained.awaited(choice)]
        beginning, failures = begin_attacks(
            [partial(begin, choice) for choice in awaited],
            [partial(begin, choice) for choice in chosen if choice not in awaited],
            partial(begin, blind),
            settings.threads,
            stop,
        )
        for thread in beginning:
            pool.close_with(thread.join)
        _log.info("attacking", extra={"attacks": ",".join(settings.attacks), **_place(settings)})

        # every readable frame goes to all of them, or the clip that it completes
        readable = FrameFilter(metrics, settings.target, known_defence(settings), codec, observed)
        for frame in tap.frames(stop):
            if (observation := readable.admit(frame)) is not None:
                pool.offer(observation)
        if failures:
            raise failures[0]


def _place(settings: AdversarySettings) -> dict[str, str]:
    return {"tap": settings.tap, "target": settings.target, "device": str(device_named(settings.device))}


def _run_settings(
    settings: AdversarySettings,
    choice: ChosenAttack[OnlineRecipe],
    metrics: Metrics,
    roster: AttackRoster,
    trained: Callable[[TrainedRecipe], TrainedNetwork | None],
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
        clip=settings.clip,
        trained=trained,
        texts=texts_for(settings.text, choice),
    )


def _gather(settings: AdversarySettings, metrics: Metrics) -> Callable[[Observation], Frames | None]:
    """What gathers clips of the frames, where they are asked for."""
    if settings.clip == 1:
        return lambda _: None
    return ClipGatherer(settings.clip, settings.stride, metrics.dropped.labels("gap").inc).offer


def _closed_with(pool: WorkerPool) -> ExitStack:
    """A stack that is closed with the workers."""
    stack = ExitStack()
    pool.close_with(stack.close)
    return stack


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


def _referee(settings: AdversarySettings, metrics: Metrics, stack: ExitStack) -> RefereeClient | None:
    """The monitor, if there is one."""
    if settings.referee is None:
        return None
    channel = stack.enter_context(connect(settings.referee, tls=settings.tls, role=ROLE))
    return RefereeClient(channel, metrics.dropped.labels("unsubmitted").inc)


def _submit(referee: RefereeClient | None, stop: Stop, roster: AttackRoster) -> Submit:
    """What hands reconstructions to the monitor, which is told the roster from now on."""
    if referee is None:
        return lambda _: None
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
