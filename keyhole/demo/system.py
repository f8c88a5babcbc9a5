"""Edge, cloud, oracle, adversary and monitor on this machine, and the flags that each gets."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from keyhole.demo.settings import DemoSettings, LiveSettings
from keyhole.judge.class_settings import ClassJudgeSettings
from keyhole.service.launcher import Launcher
from keyhole.sizes import size_text
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
            StoppedError: the run was told to stop.
        """
        if self.tls and not (self.tls / CA_CERTIFICATE).exists():
            make_certificates(self.tls)
        for names in (("monitor", "cloud", "oracle"), ("adversary",), ("edge",)):
            for name in names:
                self.launch(name)
            for name in names:
                self.places[name] = self.launcher.wait_for(name)

    @property
    def tls(self) -> Path | None:
        """Folder of the certificates; None: no TLS."""
        return self.settings.out / "certs" if self.settings.tls else None

    def launch(self, name: str) -> None:
        """Start one; it listens where it did before, if it ran before."""
        share, environment = {
            "monitor": (4, {}),
            "cloud": (2, {"KEYHOLE_CLOUD_TAP_TOKEN": self._token}),
            "oracle": (2, {}),
            "adversary": (1, {"KEYHOLE_ADVERSARY_TAP_TOKEN": self._token}),
            "edge": (2, {}),
        }[name]
        self.launcher.start(name, (name, *self.arguments(name)), {**_threads(share), **environment})

    def arguments(self, name: str) -> Sequence[str]:
        """The arguments of one process."""
        own = {
            "monitor": self._monitor,
            "cloud": self._cloud,
            "oracle": self._oracle,
            "adversary": self._adversary,
            "edge": self._edge,
        }[name]
        return (*own(), *_flags(tls=self.tls))

    def _monitor(self) -> Sequence[str]:
        ports = {port: self._at("monitor", port) for port in ("truth", "submit")}
        flags = _flags(**ports, page=self.settings.page or "None", run=self.settings.out)
        flags = [*flags, *_flags(alarm_thumbnail=self.settings.alarm_thumbnail)]
        scores = ("--scores", *self.settings.scores) if self.settings.scores else ()
        return (*flags, *self._judges(), "--attacks", *self.settings.attacks, *scores)

    def _judges(self) -> Sequence[str]:
        """Who judges pictures of classes; drawn ones that a training kept are read from its folder."""
        given = {field.name: getattr(self.settings, field.name) for field in fields(ClassJudgeSettings)}
        trained = Path(self.settings.target).expanduser()
        if self.settings.recall and given["recall_pictures"] is None and trained.is_dir():
            given["recall_pictures"] = trained
        return _flags(**given)

    def _cloud(self) -> Sequence[str]:
        return (*_flags(listen=self._at("cloud")), *self._model)

    def _oracle(self) -> Sequence[str]:
        return (*_flags(listen=self._at("oracle"), defence=self.settings.defence), *self._model)

    def _adversary(self) -> Sequence[str]:
        settings = self.settings
        return (
            *_flags(tap=settings.tap, cloud=self._at("cloud"), listen=self._at("adversary")),
            *_flags(oracle=self._at("oracle"), referee=self._at("monitor", "submit")),
            *_flags(recipe=settings.recipe, device=settings.device, prior=settings.prior, public=settings.public),
            *_flags(defence=settings.defence, budget_seconds=settings.budget_seconds),
            *(("--text", *settings.text) if settings.text else ()),
            *_flags(clip=settings.clip, stride=settings.stride, seed=settings.seed),
            *("--attacks", *settings.attacks),
            *(("--attackers", *map(str, settings.attackers)) if settings.attackers else ()),
            *self._recall(),
            *self._model,
        )

    def _recall(self) -> Sequence[str]:
        settings = self.settings
        if not settings.recall:
            return ()
        generators = (
            ("--recall-generators", *map(str, settings.recall_generators)) if settings.recall_generators else ()
        )
        return (
            *("--recall", *settings.recall),
            *generators,
            *_flags(recall_attack=settings.recall_attack, recall_public=settings.recall_public),
            *_flags(recall_public_n=settings.recall_public_n, recall_out=settings.out / "recall"),
        )

    def _edge(self) -> Sequence[str]:
        settings = self.settings
        through = self._at("adversary" if settings.tap == "wire" else "cloud")
        return (
            *_flags(cloud=through, monitor=self._at("monitor", "truth"), source=settings.source, codec=settings.codec),
            *_flags(defence=settings.defence, link=settings.link, slowdown=settings.slowdown),
            *_flags(fps=settings.fps, frames=self.frames, seed=settings.seed),
            *self._model,
        )

    def _at(self, name: str, flag: str = "listen") -> str:
        """Where a process listens, or is to listen: anywhere, until it says where."""
        return self.places.get(name, {}).get(flag, ANYWHERE)

    @property
    def _model(self) -> Sequence[str]:
        settings = self.settings
        alone = ("--head-only",) if settings.head_only else ()
        return (
            *_flags(target=settings.target, cut=settings.cut, weights=settings.weights),
            *_flags(size=None if settings.size is None else size_text(settings.size)),
            *alone,
        )


def _flags(**values: object) -> Sequence[str]:
    """Flags with their values, whatever these start with; those that are None are left out."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items() if value is not None]


def _threads(share: int) -> Mapping[str, str]:
    """Torch threads: the machine's cores over ``share``, so that the processes do not fight for them."""
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // share))}
