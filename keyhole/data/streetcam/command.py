"""``keyhole data streetcam``: look at the embedded world."""

from __future__ import annotations

from keyhole.data.streetcam.settings import StreetcamSettings
from keyhole.data.streetcam.sheet import SHEETS, contact_sheet
from keyhole.data.streetcam.stream import Streetcam
from keyhole.service.folder import SHEET, check_file
from keyhole.terminal import terminal


def streetcam(settings: StreetcamSettings) -> int:
    """Write a contact sheet and print what its first pictures show.

    Raises:
        UsageError: the sheet cannot be written there.
    """
    check_file("--sheet", settings.sheet, SHEET)
    source = Streetcam(settings.pool, settings.size, settings.seed, settings.world)
    shots = SHEETS[settings.show](source)
    settings.sheet.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(shots).save(settings.sheet)
    console = terminal()
    for shot in shots[:8]:
        console.print(f"{shot.identity:>8}  camera {shot.camera:>2}  {shot.caption}")
    console.print(f"{len(shots)} pictures of pool {settings.pool}: {settings.sheet}")
    return 0
