"""Batches of an epoch, and of trainings that share a number of them."""

import pytest

from keyhole.service.errors import UsageError
from keyhole.train.budget import EpochBudget, shared, spent_text


@pytest.mark.parametrize(("epochs", "batches"), [(1, 7), (3, 7), (7, 7), (5, 23)])
def test_every_batch_is_in_one_epoch(epochs: int, batches: int) -> None:
    budget = EpochBudget.of(epochs, 10, 2, batches)
    assert len(budget.counts) == epochs
    assert budget.total == batches
    assert max(budget.counts) - min(budget.counts) <= 1
    epoch = [budget.epoch_of(done) for done in range(batches)]
    assert epoch == [number for number, count in enumerate(budget.counts) for _ in range(count)]
    assert budget.epoch_of(batches) == epochs


def test_without_a_number_of_batches_an_epoch_has_what_the_data_has() -> None:
    assert EpochBudget.of(2, 10, 4, None).counts == (4, 4)
    assert EpochBudget.of(2, 10, None, None).counts == EpochBudget.of(2, 10, 40, None).counts == (10, 10)
    assert EpochBudget.of(0, 10, None, None).total == 0


@pytest.mark.parametrize(("epochs", "batches"), [(3, 2), (3, 31), (0, 5)])
def test_an_epoch_has_a_batch_and_no_more_than_the_data(epochs: int, batches: int) -> None:
    with pytest.raises(UsageError, match=f"{batches} batches in {epochs} epochs: expected 1 to 10 in each"):
        EpochBudget.of(epochs, 10, None, batches)


def test_trainings_share_by_their_epochs() -> None:
    assert shared(100, (2, 13)) == (13, 87)
    assert shared(40, (4, 0)) == (40, 0)
    with pytest.raises(UsageError, match="--batches 14: expected at least one for each of 15 epochs"):
        shared(14, (2, 13))


def test_what_was_spent_is_said_without_what_was_not() -> None:
    spent = {"batches": 1200, "model_steps": 2400, "companion_steps": 0}
    assert spent_text(spent) == "spent: 1,200 batches, 2,400 model steps"
