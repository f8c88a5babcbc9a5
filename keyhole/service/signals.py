"""Signals heard on a thread of their own.

The kernel may hand a signal to any thread, while Python runs handlers on the main thread alone, which may be asleep on
a lock and never hear of it. And a handler interrupts the main thread anywhere, so it must not take a lock.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator

_INTERRUPTS = signal.SIGUSR2


@contextlib.contextmanager
def heard(numbers: Collection[int], hear: Callable[[signal.Signals], object]) -> Iterator[None]:
    """While the block lasts, call ``hear`` with each of these signals instead of what they did before.

    Outside the main thread, where Python allows no handler, do nothing.

    Args:
        numbers: the signals.
        hear: called on a thread of its own, for one signal after the other.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def listen() -> None:
        while byte := receiver.recv(1):
            if byte[0] in numbers:
                hear(signal.Signals(byte[0]))

    thread = threading.Thread(target=listen, name="signals", daemon=True)
    thread.start()
    descriptor = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    previous = {number: signal.signal(number, _nothing) for number in numbers}
    previous[_INTERRUPTS] = signal.signal(_INTERRUPTS, signal.default_int_handler)
    try:
        yield
    finally:
        sender.shutdown(socket.SHUT_WR)
        thread.join()
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor)
        receiver.close()
        sender.close()


def interrupt_main_thread() -> None:
    """Raise KeyboardInterrupt in the main thread, also where it waits. For ``hear`` alone."""
    identity = threading.main_thread().ident
    assert identity is not None
    signal.pthread_kill(identity, _INTERRUPTS)


def _nothing(_number: int, _frame: object) -> None:
    """A handler that Python can call: without one, the signal is not written to the descriptor."""
