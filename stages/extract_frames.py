"""Bring the source video to a constant frame rate, and its sound to the same clock."""

from pathlib import Path

from lipsync.media.params import FramesParams
from lipsync.media.resample import extract
from lipsync.params import PersonParams
from lipsync.stage import stage


@stage
def extract_frames(params: PersonParams) -> None:
    frames = params[FramesParams]
    data = Path("data") / params.person
    extract(
        params.video,
        data / "frames.mp4",
        data / "audio.wav",
        fps=frames.fps,
        crf=frames.crf,
        track=frames.audio_track,
        max_hole=frames.max_hole,
    )


if __name__ == "__main__":
    extract_frames()
