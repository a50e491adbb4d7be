"""Where the clips of mode core_clips come from: the film's own speech and silence, or a folder.

A folder holds ``talk/`` and ``silence/`` with videos in them. All must be as large as the avatar's
film: a joined video has one size.
"""

import logging
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import files_in
from lipsync.media.audio import audio_blocks
from lipsync.media.clock import exact_fps
from lipsync.media.video import probe
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.film import Film, film_from_video
from lipsync.rendering.plan import Clip, clips_of_film
from lipsync.rendering.sound import VIDEOS
from lipsync.speech.voice import find_voice

log = logging.getLogger(__name__)

LEAST = 0.5  # seconds; a shorter stretch is no clip
GAP = 0.4  # seconds of silence that part two clips of the film

Clips = dict[bool, list[Clip]]


def voiced_frames(wav: Path, frames: int, fps: float) -> np.ndarray:
    """(frames,) bool: whether somebody speaks in the middle of each frame of the film."""
    middles = (np.arange(frames) + 0.5) / float(exact_fps(fps))
    voice = np.zeros(frames, bool)
    for passage in find_voice(audio_blocks(wav), GAP):
        if passage.speech:
            voice |= (middles >= passage.start) & (middles < passage.end)
    return voice


def film_clips(film: Film, voice: np.ndarray, fps: float, name: Path) -> Clips:
    """Clips of the first film, by whether somebody speaks in it; voice (N,) bool.

    Raises LipsyncError if there is no speech in it to take talk from.
    """
    clips = clips_of_film(0, voice, film.valid, max(1, round(LEAST * fps)), film.shows_face)
    if not clips[True]:
        raise LipsyncError(
            f"{name}: nobody speaks for {LEAST} s on end in its film; use mode standard, or give "
            "a folder of clips"
        )
    if not clips[False]:
        log.warning(
            "%s: its film has no silence of %s s; the pauses show talk clips, lip-synced to the "
            "silence",
            name,
            LEAST,
        )
    return clips


def folder_clips(folder: Path, scratch: Path, avatar: Avatar) -> tuple[list[Film], Clips]:
    """The films of a folder, and each of them as one clip.

    Raises LipsyncError if a subfolder is missing or empty, or a video cannot be used.
    """
    films: list[Film] = []
    clips: Clips = {True: [], False: []}
    found: dict[bool, list[Path]] = {}
    for name, spoken in (("talk", True), ("silence", False)):
        if not (folder / name).is_dir():
            raise LipsyncError(
                f"{folder}: has no folder {name}; put videos into {folder}/talk and "
                f"{folder}/silence"
            )
        videos = files_in(folder / name, VIDEOS)
        if not videos:
            raise LipsyncError(f"{folder / name}: holds no video; legal are {sorted(VIDEOS)}")
        found[spoken] = videos
    wanted = (avatar.info.width, avatar.info.height)
    for videos in found.values():
        for video in videos:
            info = probe(video)
            if (info.width // 2 * 2, info.height // 2 * 2) != wanted:
                raise LipsyncError(
                    f"{video}: {info.width}x{info.height} pixels, but the avatar's film has "
                    f"{wanted[0]}x{wanted[1]}; scale it"
                )
    for spoken, videos in found.items():
        for video in videos:
            place, size, fps = scratch / str(len(films)), avatar.info.crop_size, avatar.info.fps
            film = film_from_video(
                video, place, avatar.folder, avatar.shape, size, fps, face=spoken
            )
            clips[spoken].append(Clip(len(films), 0, len(film)))
            films.append(film)
    return films, clips
