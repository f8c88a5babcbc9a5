"""Edge, cloud, oracle, adversary and monitor on loopback: which flags each gets."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keyhole.demo.launcher import Launcher
from keyhole.demo.settings import SystemSettings
from keyhole.service.address import free_port
from keyhole.wire.channel import wait_ready
from keyhole.wire.tls import make_certificates

START_SECONDS = 120.0


@dataclass(frozen=True)
class Addresses:
    """Where each service listens.

    Attributes:
        cloud: the inference service and its tap.
        oracle: the adversary's own device.
        truth: the monitor's port for the edge.
        submit: the monitor's port for the adversary.
        wire: the proxy between edge and cloud, used by the wire tap alone.
        page: the live page; empty: none.
    """

    cloud: str
    oracle: str
    truth: str
    submit: str
    wire: str
    page: str

    @classmethod
    def free(cls, page: str | None) -> Addresses:
        """Free ports on loopback."""
        cloud, oracle, truth, submit, wire = (f"127.0.0.1:{free_port()}" for _ in range(5))
        return cls(cloud, oracle, truth, submit, wire, page or "")


@dataclass(frozen=True)
class System:
    """The processes of one machine.

    Attributes:
        settings: what they run.
        addresses: where they listen.
        out: the run's folder.
    """

    settings: SystemSettings
    addresses: Addresses
    out: Path

    def start_services(self, launcher: Launcher) -> None:
        """Start everything but the edge, and wait until all of them serve.

        Raises:
            ProcessError: one of them ended.
            TimeoutError: one of them did not get ready in time.
        """
        token = secrets.token_urlsafe(16)
        at = self.addresses
        if self.settings.tls:
            make_certificates(self.out / "certs")
        launcher.start(
            "monitor",
            (
                *("monitor", "--truth", at.truth, "--submit", at.submit, "--page", at.page or "None"),
                *("--run", str(self.out)),
                *self._tls,
            ),
            self._threads(share=4),
        )
        launcher.start(
            "cloud",
            ("cloud", "--listen", at.cloud, *self._model, *self._tls),
            {**self._threads(share=2), "KEYHOLE_CLOUD_TAP_TOKEN": token},
        )
        launcher.start(
            "oracle",
            ("oracle", "--listen", at.oracle, *self._model, "--defence", self.settings.defence, *self._tls),
            self._threads(share=2),
        )
        launcher.start(
            "adversary",
            (
                *("adversary", "--tap", self.settings.tap, "--cloud", at.cloud, "--listen", at.wire),
                *("--oracle", at.oracle, "--referee", at.submit, "--attacks", *self.settings.attacks),
                *("--recipe", self.settings.recipe, "--device", self.settings.device),
                *("--prior", self.settings.prior),
                *("--public", self.settings.public, "--defence", self.settings.defence),
                *("--budget-seconds", str(self.settings.budget_seconds), "--seed", str(self.settings.seed)),
                *self._model,
                *self._tls,
            ),
            {**self._threads(share=1), "KEYHOLE_ADVERSARY_TAP_TOKEN": token},
        )
        for name, address in (("monitor", at.truth), ("cloud", at.cloud), ("oracle", at.oracle)):
            self._await(launcher, name, address)

    def start_edge(self, launcher: Launcher, fps: float, frames: int = 0) -> None:
        """Start the edge; ``frames`` 0 means until it is stopped."""
        through = self.addresses.wire if self.settings.tap == "wire" else self.addresses.cloud
        launcher.start(
            "edge",
            (
                *("edge", "--cloud", through, "--monitor", self.addresses.truth, "--source", self.settings.source),
                *("--codec", self.settings.codec, "--defence", self.settings.defence, "--link", self.settings.link),
                *("--slowdown", str(self.settings.slowdown)),
                *("--fps", str(fps), "--frames", str(frames), "--seed", str(self.settings.seed)),
                *self._model,
                *self._tls,
            ),
            self._threads(share=2),
        )

    @property
    def _model(self) -> tuple[str, ...]:
        optional: Iterable[tuple[str, object]] = (("weights", self.settings.weights), ("size", self.settings.size))
        extra = (part for name, value in optional if value is not None for part in (f"--{name}", str(value)))
        alone = ("--head-only",) if self.settings.head_only else ()
        return ("--target", self.settings.target, "--cut", self.settings.cut, *extra, *alone)

    @property
    def _tls(self) -> tuple[str, ...]:
        return ("--tls", str(self.out / "certs")) if self.settings.tls else ()

    def _await(self, launcher: Launcher, name: str, address: str) -> None:
        tls = self.out / "certs" if self.settings.tls else None
        for _ in range(int(START_SECONDS)):
            launcher.check()
            with contextlib.suppress(TimeoutError):
                wait_ready(address, 1.0, tls=tls, role="edge")
                return
        raise TimeoutError(f"{name} was not ready within {START_SECONDS:.0f} s:\n{launcher.tail(name)}")

    @staticmethod
    def _threads(share: int) -> Mapping[str, str]:
        """Torch threads: the machine's cores over ``share``, so that the processes do not fight for them."""
        return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // share))}
