"""The learned attack on a head that is quick to learn."""

from __future__ import annotations

import inspect
import itertools
import threading
from dataclasses import fields, replace
from functools import partial

import pytest
import torch

from keyhole.attacks.base import BlackBox, MismatchError, Observation, OracleAwayError, OracleSpentError
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.training import InversionTraining
from keyhole.attacks.features.training_losses import PictureLoss
from keyhole.metrics import psnr
from tests.attacks.tiny import SIZE, frames, pictures, white_box
from tests.waiting import PATIENCE, wait_until

QUICK = InversionTraining(first=16, query=4, every=4, batch=8, publish=5)


class Oracle:
    """Answers with the head's features; misbehaves as scripted, one error for each query."""

    def __init__(self, errors=()) -> None:
        self.known, self.errors, self.queries = white_box(), iter(errors), 0

    def query(self, pictures):
        self.queries += 1
        if (error := next(self.errors, None)) is not None:
            raise error
        with torch.no_grad():
            return (self.known.head(self.known.normalise(pictures)),)


def public():
    for seed in itertools.count(100):
        yield from pictures(8, seed)


def inverter(oracle=None, training=QUICK, **options) -> BlackBoxAttack:
    return BlackBoxAttack(BlackBox(oracle or Oracle(), public(), SIZE), training, **options)


def quality(attack: BlackBoxAttack) -> float:
    truth = pictures(6, seed=1)
    (estimate,) = attack.reconstruct(frames(white_box(), truth))
    assert estimate.final
    return psnr(estimate.pictures, truth).mean().item()


def test_it_learns_and_serves_better_weights_as_it_goes():
    attack = inverter()
    attack.train(0)
    grey = quality(attack)
    attack.train(60)
    some = quality(attack)
    attack.train(180)
    assert grey + 1 < some < quality(attack)
    assert quality(attack) > grey + 4


def test_it_is_the_same_for_the_same_seed():
    first, again, other = (inverter(seed=seed) for seed in (1, 1, 2))
    for attack in (first, again, other):
        attack.train(10)
    assert quality(first) == quality(again) != quality(other)


def test_it_trains_on_its_own_thread_while_it_answers():
    steps = []
    with inverter(stepped=lambda: steps.append(1)) as attack:
        (early,) = attack.reconstruct(frames(white_box(), pictures(1)))
        wait_until(lambda: len(steps) > early.iteration + 20)
        (late,) = attack.reconstruct(frames(white_box(), pictures(1)))
        assert late.iteration > early.iteration
    ended = len(steps)
    threading.Event().wait(0.1)
    assert len(steps) == ended


def test_it_stops_after_the_steps_it_was_given():
    steps = []
    with inverter(steps=12, stepped=lambda: steps.append(1)) as attack:
        wait_until(lambda: len(steps) == 12)
        (estimate,) = attack.reconstruct(frames(white_box(), pictures(1)))
        assert estimate.iteration == 12


def test_waiting_for_its_end_tells_what_it_failed_with():
    with inverter(steps=3) as attack:
        attack.wait()
        (estimate,) = attack.reconstruct(frames(white_box(), pictures(1)))
        assert estimate.iteration == 3
    with inverter(Oracle([KeyError("broken")]), steps=3) as attack, pytest.raises(KeyError, match="broken"):
        attack.wait()


def test_it_waits_for_an_oracle_that_is_away():
    oracle = Oracle([OracleAwayError("gone")])
    attack = inverter(oracle, replace(QUICK, first=4))
    attack.train(4)
    assert oracle.queries > 2
    assert quality(attack) > 0


def test_pictures_are_drawn_before_there_is_an_oracle_and_none_in_vain():
    drawn, queries = [], []

    class Recorder(Oracle):
        def query(self, pictures):
            queries.append((len(drawn), pictures))
            return super().query(pictures)

    def counted():
        for picture in public():
            drawn.append(picture)
            yield picture

    gone = OracleAwayError("gone")
    known = BlackBox(Recorder([gone, None, None, None, gone]), counted(), SIZE)
    attack = BlackBoxAttack(known, replace(QUICK, first=36))
    attack.train(0)
    assert [at for at, _ in queries] == [36] * 4, "all were there before the first query"
    assert torch.equal(queries[0][1], queries[1][1]), "what was not answered is asked again"
    assert torch.equal(torch.cat([pictures for _, pictures in queries[1:]]), torch.stack(drawn))
    attack.train(8)
    assert [at for at, _ in queries[4:]] == [40, 40]
    assert torch.equal(queries[4][1], queries[5][1])


def test_a_fault_of_its_own_is_not_taken_for_an_oracle_that_is_away():
    class Faulty(PictureLoss):
        def target(self, pictures):  # noqa: ARG002
            raise ValueError("no such target")

    with pytest.raises(ValueError, match="no such query"):
        inverter(Oracle([ValueError("no such query")])).train(4)
    with pytest.raises(ValueError, match="no such target"):
        inverter(training=replace(QUICK, loss=Faulty)).train(4)


def test_it_goes_on_with_what_it_has_when_the_oracle_is_spent():
    oracle = Oracle([None, None, OracleSpentError("budget")])
    attack = inverter(oracle, replace(QUICK, first=8, query=4))
    attack.train(40)
    assert oracle.queries <= 4
    (estimate,) = attack.reconstruct(frames(white_box(), pictures(1)))
    assert estimate.iteration == 40


def test_an_oracle_that_changes_its_head_is_not_learned_from():
    class Changing(Oracle):
        def query(self, pictures):
            (features,) = super().query(pictures)
            return (features if self.queries < 4 else features[:, :3],)

    attack = inverter(Changing(), replace(QUICK, first=8))
    attack.train(20)
    assert quality(attack) > 0


def test_closing_frees_those_who_wait_for_first_weights():
    oracle = Oracle(itertools.repeat(OracleSpentError("refused")))
    got = []
    with inverter(oracle) as attack:
        seen = frames(white_box(), pictures(1))
        waiting = threading.Thread(target=lambda: got.extend(attack.reconstruct(seen)))
        waiting.start()
        wait_until(lambda: oracle.queries)
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert got == []


def test_frames_unlike_the_oracles_answers_are_refused():
    attack = inverter()
    attack.train(1)
    with pytest.raises(MismatchError, match="not like the frames"):
        list(attack.reconstruct([Observation("x", (torch.zeros(1, 3, 3, 3),))]))


def test_smoothness_is_part_of_the_loss_where_asked_for():
    plain, smooth = inverter(), inverter(training=replace(QUICK, loss=partial(PictureLoss, tv_weight=1.0)))
    for attack in (plain, smooth):
        attack.train(60)
    seen = frames(white_box(), pictures(4))
    rough, even = (next(attack.reconstruct(seen)).pictures.diff(dim=-1).abs().mean() for attack in (plain, smooth))
    assert even < rough


def test_it_cannot_be_given_the_head():
    given = {"oracle", "public", "size", "prior", "device", "clips", "described"}
    assert {field.name for field in fields(BlackBox)} == given
    parameters = inspect.signature(BlackBoxAttack).parameters
    assert set(parameters) == {
        "known", "training", "generator", "seed", "steps", "stepped", "noted", "threads", "clock", "grouped",
        "trained", "described", "made",
    }  # fmt: skip
    assert parameters["known"].annotation == "BlackBox"
