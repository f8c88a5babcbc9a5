from __future__ import annotations

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyhole.v1.referee_pb2 import Account
from keyhole.wire.errors import WireError
from monitor.bounded_entries import BoundedEntries
from monitor.referee import Referee
from monitor.scoring import Listener
from tests.monitor.making import guess, outcome

PUTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=60)


@given(puts=PUTS, most=st.integers(1, 5), most_bytes=st.integers(1, 60), popped=st.sets(st.integers(0, 59)))
def test_it_holds_the_newest_that_fit_and_hands_out_the_rest(
    puts: list[tuple[int, int]], most: int, most_bytes: int, popped: set[int]
) -> None:
    held: BoundedEntries[int, tuple[int, int]] = BoundedEntries(most, most_bytes)
    expected: dict[int, tuple[int, int]] = {}
    for number, (key, size) in enumerate(puts):
        if number in popped:
            assert held.pop(key) == expected.pop(key, None)
        left = held.put(key, (number, size), size)
        expected.pop(key, None)
        expected[key] = number, size
        gone = []
        while len(expected) > most or (sum(size for _, size in expected.values()) > most_bytes and len(expected) > 1):
            gone.append(expected.pop(next(iter(expected))))
        assert left == gone
        assert list(held) == list(expected.values())
        assert len(held) == len(expected)
        assert held.get(key) == (number, size)


def test_names_are_bounded_or_those_that_were_expected() -> None:
    referee = Referee([])
    codes = []
    for number in range(100):
        try:
            referee.submit(guess(attack=f"attack-{number}"))
        except WireError as error:
            codes.append(error.code)
    assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED] * 68
    referee.submit(guess(attack="attack-3"))
    for number in range(32):
        referee.conclude(outcome(f"edge-0-{number}", dropped=f"reason-{number}", **{f"stage-{number}": 0.1}))
    for wrong in (outcome("edge-1-0", dropped="another"), outcome("edge-1-0", another=0.1)):
        with pytest.raises(WireError, match="one more than the 32"):
            referee.conclude(wrong)

    strict = Referee([], names=["pixels-white"])
    strict.submit(guess())
    with pytest.raises(WireError, match="'pixels-black': expected one of pixels-white"):
        strict.submit(guess(attack="pixels-black"))


def test_what_accounts_and_rungs_name_is_bounded_too() -> None:
    told: list[Account] = []

    class Ear(Listener):
        def settled(self, account: Account) -> None:
            told.append(account)

    referee = Referee([Ear()])
    for number in range(32):
        referee.settle(Account(edge=f"edge-{number}", dropped={f"reason-{number}": 1}))
        referee.submit(guess(attack="decoder-ladder", rung=f"rung-{number}"))
    for wrong in (Account(edge="edge-32"), Account(edge="edge-0", dropped={"reason-32": 1})):
        with pytest.raises(WireError, match="-32' is one more than the 32"):
            referee.settle(wrong)
    with pytest.raises(WireError, match=r"'decoder-ladder\.rung-32' is one more than the 32"):
        referee.submit(guess(attack="decoder-ladder", rung="rung-32"))
    with pytest.raises(WireError, match="edge: expected a name"):
        referee.settle(Account(taken=1))
    assert len(told) == 32
