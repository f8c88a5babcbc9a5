"""One thread for each process: small models run faster so, above all side by side; and equal runs end equal."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from keyhole.service.address import Address

os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture
def quiet_address() -> Iterator[Callable[[], Address]]:
    """Addresses where nobody listens until the test does, as often as it likes.

    A socket that does not listen holds each port: nobody is given it by chance, and who names it may listen there.
    """
    with ExitStack() as held:

        def hold() -> Address:
            holder = held.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
            return Address("127.0.0.1", holder.getsockname()[1])

        yield hold
