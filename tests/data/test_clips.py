"""Clips of streetcam, and of folders and zips of videos."""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from keyhole.data.clips import Window, open_clips, public_clips
from keyhole.data.source import open_source
from keyhole.service.errors import UsageError

FRAMES = 9


@pytest.fixture
def videos(tmp_path) -> Path:
    """Six videos: the red of a frame tells the video, its green the number of the frame."""
    root = tmp_path / "videos"
    for video in range(6):
        folder = root / f"scene-{video}"
        folder.mkdir(parents=True)
        for number in range(FRAMES):
            Image.new("RGB", (24, 20), (40 * video, 20 * number, 0)).save(folder / f"{number:05d}.png")
    return root


def taken(spec: str, window: Window, count: int, pool: str = "audit", seed: int = 0, size: int = 16) -> list:
    return list(itertools.islice(open_clips(spec, window, pool=pool, size=size, seed=seed), count))


def told(clip) -> list[tuple[int, int]]:
    """Video and number of each frame, as its colours tell them."""
    return [tuple((frame.picture[:2, 0, 0] * 255 / torch.tensor([40, 20])).round().int().tolist()) for frame in clip]


def test_a_clip_is_consecutive_frames_of_one_video(videos):
    clips = taken(f"clips:{videos}", Window(3, 2), 8)
    for clip in clips:
        found = told(clip.frames)
        assert len({video for video, _ in found}) == 1
        assert [number for _, number in found] == [found[0][1] + 2 * step for step in range(3)]
        assert f"scene-{found[0][0]}" in clip.video
    pairs = zip(clips[::2], clips[1::2], strict=True)  # of two videos in this pool: every round has one of each
    assert all({clip.video for clip in pair} == {clip.video for clip in clips} for pair in pairs)
    assert len({tuple(told(clip.frames)) for clip in clips}) > 2
    assert [told(clip.frames) for clip in taken(f"clips:{videos}", Window(3, 2), 8)] == [told(c.frames) for c in clips]


def test_pools_share_no_video(videos):
    audit, public = (
        {clip.video for clip in taken(f"clips:{videos}", Window(2), 6, pool)} for pool in ("audit", "public")
    )
    assert audit
    assert public
    assert not audit & public


def test_a_zip_of_videos(videos):
    with zipfile.ZipFile(videos.parent / "videos.zip", "w") as archive:
        for path in sorted(videos.rglob("*.png")):
            archive.write(path, path.relative_to(videos))
    folder, packed = (taken(spec, Window(4), 3) for spec in (f"clips:{videos}", f"clips:{videos}.zip"))
    assert [told(clip.frames) for clip in folder] == [told(clip.frames) for clip in packed]


def test_videos_that_are_too_short(videos, caplog):
    with pytest.raises(UsageError, match=r"none of 2 videos .* the longest has 9, and --clip 4 --stride 3 takes 10"):
        taken(f"clips:{videos}", Window(4, 3), 1)
    for number in range(3, FRAMES):
        (videos / "scene-0" / f"{number:05d}.png").unlink()
    found = {clip.video for clip in taken(f"clips:{videos}", Window(4), 4)}
    assert len(found) == 1
    assert "1 of 2 videos are passed over" in caplog.text


def test_what_has_no_clips_says_where_there_are_some(videos):
    for spec in ("photos", "photos+leaves"):
        with pytest.raises(UsageError, match="has no clips: streetcam has, and clips:PATH"):
            taken(spec, Window(2), 1)
    with pytest.raises(UsageError, match=r"frames of one video: .* is named clips:PATH"):
        taken(str(videos), Window(2), 1)
    with pytest.raises(UsageError, match=r"--public: .*clips:PATH"):
        public_clips("leaves", Window(2), 16, 0)


def test_unreadable_frames_cost_their_clip(videos, caplog):
    for path in videos.rglob("00004.png"):
        path.write_bytes(b"no picture")
    for clip in taken(f"clips:{videos}", Window(3), 6):
        assert 4 not in [number for _, number in told(clip.frames)]
    assert caplog.text.count("clips with this frame are passed over") == 2


def test_public_clips_are_mirrored_whole(tmp_path):
    for video in range(3):
        (tmp_path / str(video)).mkdir()
        for number in range(4):
            half = Image.new("RGB", (16, 16))
            half.paste((255, 255, 255), (0, 0, 8, 16))
            half.save(tmp_path / str(video) / f"{number}.png")
    clips = list(itertools.islice(public_clips(f"clips:{tmp_path}", Window(4), 16, seed=1), 12))
    assert all(clip.shape == (4, 3, 16, 16) for clip in clips)
    sides = [[bool(frame[0, 0, 0] > 0.5) for frame in clip] for clip in clips]
    assert all(len(set(side)) == 1 for side in sides)
    assert {side[0] for side in sides} == {True, False}


def test_streetcam_clips_as_a_stream_show_a_dozen_frames_of_each_vehicle():
    shown = list(itertools.islice(open_source("streetcam-clips", pool="audit", size=64), 13))
    stills = list(itertools.islice(open_source("streetcam", pool="audit", size=64), 2))
    assert [one.label for one in shown] == [stills[0].label] * 12 + [stills[1].label]
    assert len({one.picture.numpy().tobytes() for one in shown}) == 13


def test_a_streetcam_clip_shows_one_vehicle_driving_by():
    first, second = taken("streetcam", Window(3, 12), 2, size=64)
    near, _ = taken("streetcam", Window(3, 1), 2, size=64)
    pictures = torch.stack([frame.picture for frame in first.frames])
    stills = list(itertools.islice(open_source("streetcam", pool="audit", size=64), 2))
    assert [{frame.label for frame in clip.frames} for clip in (first, second)] == [{one.label} for one in stills]
    assert first.video != second.video
    moved = (pictures[0] - pictures[2]).abs().mean()
    assert moved > (near.frames[0].picture - near.frames[2].picture).abs().mean()
    assert all(torch.equal((one * 255).round() / 255, one) for one in pictures)
