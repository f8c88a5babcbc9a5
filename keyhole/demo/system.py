"""Edge, cloud, oracle, adversary and monitor on loopback: which flags each gets."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keyhole.demo.launcher import Launcher
from keyhole.demo.settings import DemoSettings, LiveSettings
from keyhole.wire.tls import CA_CERTIFICATE, make_certificates

ANYWHERE = "127.0.0.1:0"


@dataclass
class System:
    """The processes of one machine. Each takes free ports and says which; the others are told.

    Attributes:
        settings: what they run, and in which folder.
        frames: that the edge sends before it ends; 0: it goes on until it is stopped.
        launcher: runs them.
        places: where each listens, by its name and flag.
    """

    settings: DemoSettings | LiveSettings
    frames: int
    launcher: Launcher
    places: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def start(self) -> None:
        """Start all, each once those that it calls serve; the edge comes last.

        Raises:
            ProcessError: one of them ended.
            TimeoutError: one of them did not get ready in time.
        """
        if self.tls and not (self.tls / CA_CERTIFICATE).exists():
            make_certificates(self.tls)
        for names in (("monitor", "cloud", "oracle"), ("adversary",), ("edge",)):
            for name in names:
                self.launch(name)
            for name in names:
                self.places[name] = self.launcher.addresses(name)

    @property
    def tls(self) -> Path | None:
        """Folder of the certificates; None: no TLS."""
        return self.settings.out / "certs" if self.settings.tls else None

    def launch(self, name: str) -> None:
        """Start one; it listens where it did before, if it ran before."""
        arguments, share, environment = {
            "monitor": (self._monitor, 4, {}),
            "cloud": (self._cloud, 2, {"KEYHOLE_CLOUD_TAP_TOKEN": self._token}),
            "oracle": (self._oracle, 2, {}),
            "adversary": (self._adversary, 1, {"KEYHOLE_ADVERSARY_TAP_TOKEN": self._token}),
            "edge": (self._edge, 2, {}),
        }[name]
        tls = ("--tls", str(self.tls)) if self.tls else ()
        self.launcher.start(name, (name, *arguments(), *tls), {**_threads(share), **environment})

    def _monitor(self) -> Sequence[str]:
        page = self.settings.page or "None"
        ports = ("--truth", self._own("monitor", "truth"), "--submit", self._own("monitor", "submit"))
        return (*ports, "--page", page, "--run", str(self.settings.out))

    def _cloud(self) -> Sequence[str]:
        return ("--listen", self._own("cloud", "listen"), *self._model)

    def _oracle(self) -> Sequence[str]:
        return ("--listen", self._own("oracle", "listen"), *self._model, "--defence", self.settings.defence)

    def _adversary(self) -> Sequence[str]:
        return (
            *("--tap", self.settings.tap, "--cloud", self.places["cloud"]["listen"]),
            *("--listen", self._own("adversary", "listen"), "--oracle", self.places["oracle"]["listen"]),
            *("--referee", self.places["monitor"]["submit"], "--attacks", *self.settings.attacks),
            *("--recipe", self.settings.recipe, "--device", self.settings.device, "--prior", self.settings.prior),
            *("--public", self.settings.public, "--defence", self.settings.defence),
            *("--budget-seconds", str(self.settings.budget_seconds), "--seed", str(self.settings.seed)),
            *self._model,
        )

    def _edge(self) -> Sequence[str]:
        through = self.places["adversary" if self.settings.tap == "wire" else "cloud"]["listen"]
        return (
            *("--cloud", through, "--monitor", self.places["monitor"]["truth"], "--source", self.settings.source),
            *("--codec", self.settings.codec, "--defence", self.settings.defence, "--link", self.settings.link),
            *("--slowdown", str(self.settings.slowdown)),
            *("--fps", str(self.settings.fps), "--frames", str(self.frames), "--seed", str(self.settings.seed)),
            *self._model,
        )

    def _own(self, name: str, flag: str) -> str:
        return self.places.get(name, {}).get(flag, ANYWHERE)

    @property
    def _model(self) -> Sequence[str]:
        optional: Iterable[tuple[str, object]] = (("weights", self.settings.weights), ("size", self.settings.size))
        extra = (part for name, value in optional if value is not None for part in (f"--{name}", str(value)))
        alone = ("--head-only",) if self.settings.head_only else ()
        return ("--target", self.settings.target, "--cut", self.settings.cut, *extra, *alone)


def _threads(share: int) -> Mapping[str, str]:
    """Torch threads: the machine's cores over ``share``, so that the processes do not fight for them."""
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // share))}
