"""Who runs what and who sees what: the threat model in words."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.deployment import Deployment


@dataclass(frozen=True)
class Party:
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


def parties(deployment: Deployment, taps: frozenset[str]) -> tuple[Party, ...]:
    """The four processes of a deployment.

    Args:
        deployment: what ran.
        taps: where the reconstructions say that their frames came from: "cloud", "wire".
    """
    protection = "no defence" if deployment.defence in ("", "none") else f"defence {deployment.defence}"
    tapped = {"cloud": "the cloud's tap", "wire": "a proxy on the wire"}
    source = " and ".join(tapped.get(tap, tap) for tap in sorted(taps)) or "a tap"
    return (
        Party(
            "edge",
            "the device",
            f"head of {deployment.target}, up to {deployment.cut}; {protection}; sends {deployment.codec}",
            "the picture and the answer",
            "–",
        ),
        Party(
            "cloud",
            "the service",
            f"tail of {deployment.target}, after {deployment.cut}",
            "features and the answer",
            "the picture",
        ),
        Party(
            "adversary",
            "the eavesdropper",
            "reconstruction from features",
            f"features, through {source}; the head's weights (white box) or answers to its own queries (black box); "
            "public pictures",
            "the picture, the answer, the victim's data, how good its reconstructions are",
        ),
        Party(
            "monitor",
            "the referee",
            "PSNR and SSIM of truth against reconstruction",
            "the picture from the edge, the reconstruction from the adversary",
            "features",
        ),
    )
