"""Commands and calls in processes that are forks of one that has imported what they need.

They begin at once instead of importing torch for seconds each, and share the memory of what was imported. Whoever
starts them imports nothing of it. The one that forks them ends with the process that started it.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from keyhole.service.lifecycle import LEFT_ALONE

_CONTEXT = multiprocessing.get_context("forkserver")
_SHARED = ("torch", "torchvision.models", "grpc", "keyhole.cli")
_CONTEXT.set_forkserver_preload(list(_SHARED))
_STDOUT, _STDERR = 1, 2


def share(modules: Sequence[str]) -> None:
    """Import these modules too, besides torch, torchvision and gRPC, before the first fork; after it, do nothing."""
    _CONTEXT.set_forkserver_preload([*_SHARED, *modules])


def called(name: str, *arguments: Any) -> Any:
    """What ``module:function`` returns, called in a process of its own in this one's folder and environment.

    Args:
        name: of the function.
        arguments: that can be pickled, as must be what is returned.

    Raises:
        Exception: what the function raises, SystemExit too, with its traceback as a note.
        RuntimeError: the process ended without an answer.
    """
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_answer, args=(sender, Path.cwd(), dict(os.environ), name, arguments))
    process.start()
    sender.close()
    try:
        error, answer = receiver.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{name} ended with exit code {process.exitcode} and no answer") from None
    process.join()
    if error is not None:
        raise error
    return answer


def _answer(
    sender: Connection, folder: Path, environment: Mapping[str, str], name: str, arguments: Sequence[Any]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _take(folder, environment)
    module, _, function = name.partition(":")
    try:
        sender.send((None, getattr(importlib.import_module(module), function)(*arguments)))
    except (Exception, SystemExit) as error:
        error.add_note(traceback.format_exc())
        sender.send((error, None))


class ForkedCommand:
    """A command that runs, with what `subprocess.Popen` has of it. It is told to stop when its parent ends.

    Args:
        arguments: of ``keyhole``.
        log: file that its output goes to, appended.
        environment: of the process, whole.
    """

    def __init__(self, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self._process = _CONTEXT.Process(
            target=_run, args=(tuple(arguments), log.absolute(), Path.cwd(), dict(environment)), name=arguments[0]
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative where a signal ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; its exit code.

        Raises:
            subprocess.TimeoutExpired: it runs still.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self._process.exitcode

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()


def _run(arguments: Sequence[str], log: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """In the new process: become what ``keyhole <arguments>`` would be."""
    gc.freeze()  # a collection would write to all that was imported, and so copy it
    os.setsid()
    with log.open("ab") as output:
        for descriptor in (_STDOUT, _STDERR):
            os.dup2(output.fileno(), descriptor)
    _take(folder, environment)
    _rename(f"keyhole {arguments[0]}")
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_follow, args=(parent.sentinel,), name="parent", daemon=True).start()
    sys.argv = ["keyhole", *arguments]
    importlib.import_module("keyhole.cli").main()


def _take(folder: Path, environment: Mapping[str, str]) -> None:
    """Take over the starter's folder and environment. OpenMP read its variable when torch was imported."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if threads := environment.get("OMP_NUM_THREADS"):
        importlib.import_module("torch").set_num_threads(int(threads))


def _rename(name: str) -> None:
    """Tell the system which of the forks this is, for ``top`` and ``pgrep``; where it takes no names, do nothing."""
    comm = Path("/proc/self/comm")
    if comm.exists():
        comm.write_text(name)


def _follow(parent: int) -> None:
    wait([parent])
    os.kill(os.getpid(), LEFT_ALONE)
