"""A deployment: an edge and where its frames go, who runs what and who sees what (the threat model)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keyhole.v1 import referee_pb2


@dataclass(frozen=True)
class Deployment:
    """One edge's settings; the fields are those of the proto."""

    edge: str
    target: str
    cut: str
    codec: str
    defence: str
    link: str
    cloud: str
    tls: bool
    slowdown: float = 0.0

    @property
    def conditions(self) -> str:
        """What a frame's latency depends on: the link, and how slow a device is emulated."""
        slow = f", an edge {self.slowdown:g} times slower" if self.slowdown > 1 else ""
        return f"link {self.link or 'none'}{slow}"

    @classmethod
    def read(cls, message: referee_pb2.Deployment) -> Deployment:
        """From the wire."""
        return cls(**{field: getattr(message, field) for field in DEPLOYMENT_FIELDS})


DEPLOYMENT_FIELDS = tuple(Deployment.__dataclass_fields__)


@dataclass(frozen=True)
class PartyView:
    """A process and its view.

    Attributes:
        name: the process.
        role: what it is in the story.
        runs: what it computes.
        sees: what reaches it.
        never: what does not.
    """

    name: str
    role: str
    runs: str
    sees: str
    never: str


def threat_model(deployment: Deployment, taps: frozenset[str], *, breached: bool = False) -> tuple[PartyView, ...]:
    """The four processes of a deployment and what each of them sees.

    >>> here = Deployment("edge-0", "vit_tiny", "blocks.3", "fp16", "none", "wifi", "127.0.0.1:1", tls=False)
    >>> [(view.name, view.never) for view in threat_model(here, frozenset({"cloud"}))][1]
    ('cloud', 'the picture')

    Args:
        deployment: what ran.
        taps: where the reconstructions say that their frames came from: "cloud", "wire".
        breached: whether the adversary pictures training classes, for which it needs the whole classifier: the cloud
            was breached.
    """
    protection = "no defence" if deployment.defence in ("", "none") else f"defence {deployment.defence}"
    tapped = {"cloud": "the cloud's tap", "wire": "a proxy on the wire"}
    source = " and ".join(tapped.get(tap, tap) for tap in sorted(taps)) or "a tap"
    parties = (
        PartyView(
            "edge",
            "the device",
            f"head of {deployment.target}, up to {deployment.cut}; {protection}; sends {deployment.codec}",
            "the picture and the answer",
            "–",
        ),
        PartyView(
            "cloud",
            "the service",
            f"tail of {deployment.target}, after {deployment.cut}",
            "features and the answer",
            "the picture",
        ),
        PartyView(
            "adversary",
            "the eavesdropper",
            "reconstruction from features",
            f"features, through {source}; the head's weights (white box) or answers to its own queries (black box); "
            "public pictures",
            "the picture, the answer, the victim's data, how good its reconstructions are",
        ),
        PartyView(
            "monitor",
            "the referee",
            "PSNR, SSIM and what else is asked for, of truth against reconstruction",
            "the picture from the edge, the reconstruction from the adversary",
            "features",
        ),
    )
    return tuple(_breached(party) for party in parties) if breached else parties


def _breached(party: PartyView) -> PartyView:
    """A process and its view where the adversary took the whole classifier from the cloud."""
    changed = {
        "cloud": {"role": "the service, breached"},
        "adversary": {
            "runs": f"{party.runs}; pictures of training classes from the classifier, without any frame",
            "sees": f"{party.sees}; the whole classifier, taken from the cloud",
            "never": f"{party.never}, the training pictures",
        },
        "monitor": {"sees": f"{party.sees}; training classes, to judge by"},
    }
    return replace(party, **changed.get(party.name, {}))
