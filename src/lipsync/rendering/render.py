"""Sound and avatar in, video out.

The video is as long as the sound: `media.clock.frame_count` of its duration, and every sample of
it, mono, at its own rate where AAC has that one. Sound is read anew for each use and pictures
stream through `pictures` into the encoder, so memory holds some batches, whatever the length; what
the plan of core_clips holds grows by some bytes a second.
"""

import logging
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.media.clock import exact_fps, round_half_up
from lipsync.media.label import SYNTHETIC_XMP, synthetic_tags
from lipsync.media.video import VideoWriter
from lipsync.progress import progress
from lipsync.rendering.articulation import Articulation
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.clips import Clips, film_clips, folder_clips, voiced_frames
from lipsync.rendering.film import film_from_video
from lipsync.rendering.mark import Mark
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.pictures import pictures
from lipsync.rendering.plan import Chooser, Plan, Shot, plan_core_clips, play
from lipsync.rendering.sound import Sound, open_sound
from lipsync.speech.encoder import SpeechEncoder, create_encoder
from lipsync.speech.normalise import WARM_UP
from lipsync.speech.voice import Passage, find_voice
from lipsync.speech.windows import stream_windows

log = logging.getLogger(__name__)

Seen = Callable[[int, int], None]
"""(pictures done, pictures in all); what it raises ends the rendering, which leaves nothing"""


@dataclass(frozen=True)
class Rendered:
    """What came of it: pictures of a video that lasts ``seconds``."""

    output: Path
    pictures: int
    seconds: float


class Renderer:
    """An avatar with its speech encoder and films at hand: loaded once for many sounds.

    Use it in a ``with``: a template or a folder of clips is brought to the avatar's frame rate in a
    temporary folder.

    Raises LipsyncError if the encoder's weights are missing or others, or the template or a clip
    cannot be used.
    """

    def __init__(self, avatar: Avatar, options: RenderOptions) -> None:
        self.avatar, self.options = avatar, options
        self.encoder: SpeechEncoder = create_encoder(
            avatar.info.speech, avatar.info.fps, avatar.info.speech_weights_sha256
        )
        self._stack = ExitStack()

    def __enter__(self) -> "Renderer":
        avatar, options = self.avatar, self.options
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lipsync-")))
            film = avatar.film
            if options.template is not None:
                film = film_from_video(
                    options.template,
                    scratch / "template",
                    avatar.folder,
                    avatar.shape,
                    avatar.info.crop_size,
                    avatar.info.fps,
                    sound=options.mode == "core_clips",
                )
            self.films = [film]
            # A template is dubbed, so all of it is wanted; of the avatar's film no card is.
            all_of_it = options.template is not None
            self.played = np.arange(len(film)) if all_of_it else np.flatnonzero(film.shows_face)
            self._clips: Clips | None = None
            if options.mode == "core_clips":
                if options.clips is not None:
                    self.films, self._clips = folder_clips(options.clips, scratch, avatar)
                elif options.template is not None:
                    assert film.sound is not None  # asked for above
                    voice = voiced_frames(film.sound, len(film), avatar.info.fps)
                    self._clips = film_clips(film, voice, avatar.info.fps, options.template)
                else:
                    self._clips = film_clips(film, avatar.voice, avatar.info.fps, avatar.folder)
            elif options.start_frame >= len(film):
                raise LipsyncError(
                    f"start_frame: {options.start_frame} is not in the film; "
                    f"give 0 to {len(film) - 1}"
                )
            text = options.mark.strip()
            self._mark = Mark(text, film.width, film.height) if text else None
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def render(self, speech: str | Path, output: str | Path, seen: Seen | None = None) -> Rendered:
        """Write ``output`` (mp4), the avatar saying the sound of the file ``speech``.

        Raises LipsyncError if the sound is missing, unreadable or shorter than one picture, the
        avatar's film is damaged, or ``output`` is a folder or something that is read here; it is
        then left as it was.
        """
        self._refuse(Path(speech), Path(output))
        sound = open_sound(speech)
        info, options, encoder = self.avatar.info, self.options, self.encoder
        count = sound.pictures(info.fps)
        if sound.silent:
            log.warning("%s: nothing is heard in it; the mouth stays closed", speech)
        plan = self.plan(sound, count)
        articulation = Articulation(self.avatar, encoder)
        beginning = min(count, round(WARM_UP * info.fps))
        articulation.hear(encoder.encode(sound.speech(), beginning))
        rows = map(articulation.normalise, encoder.stream(sound.speech(), count))
        windows = stream_windows(rows, articulation.silence, info.past, info.future)
        with VideoWriter(
            output,
            self.films[0].width,
            self.films[0].height,
            info.fps,
            preset=options.preset,
            crf=options.crf,
            sound=(sound.blocks(), sound.rate),
            metadata=synthetic_tags(),
            xmp=SYNTHETIC_XMP,
        ) as writer:
            made = pictures(self.avatar, self.films, articulation, plan, windows)
            try:
                for planes in progress(made, total=count, desc=f"render {Path(output).name}"):
                    if self._mark is not None:
                        self._mark.draw(planes)
                    writer.write_planes(planes)
                    if seen is not None:
                        seen(writer.frames, count)
            finally:
                made.close()
        return Rendered(Path(output), count, count / info.fps)

    def _refuse(self, speech: Path, output: Path) -> None:
        """Nothing that is read may be written over."""
        if output.is_dir():
            raise LipsyncError(f"{output}: is a folder; name a file that ends in .mp4")
        target, options = output.resolve(), self.options
        for folder in (self.avatar.folder, options.clips):
            if folder is not None and target.is_relative_to(folder.resolve()):
                raise LipsyncError(f"{output}: lies in {folder}, which is read; write elsewhere")
        for source in (speech, options.template):
            if source is not None and target == source.resolve():
                raise LipsyncError(f"{output}: is read too; write to another file")

    def plan(self, sound: Sound, count: int) -> Plan:
        """What lies under each of ``count`` pictures."""
        options = self.options
        if self._clips is None:
            frames = play(self.played, count, options.start_frame, loop_back=options.loop_back)
            return Plan([Shot(0, frames, count, spoken=True)])
        passages = find_voice(sound.speech(), options.min_silence, options.voice)
        fade = round(options.crossfade * self.avatar.info.fps)
        wanted = in_pictures(passages, count, self.avatar.info.fps)
        if not self._clips[False]:  # nothing to show that was filmed in silence
            wanted = [(True, count)]
        chooser = Chooser(self._clips, [film.boxes for film in self.films], options.seed)
        return plan_core_clips(wanted, chooser, fade)


def in_pictures(passages: list[Passage], count: int, fps: float) -> list[tuple[bool, int]]:
    """Passages as (speech or not, pictures), ``count`` in all; each edge is rounded by itself."""
    rate, edges = exact_fps(fps), [0]
    for passage in passages[:-1]:
        edges.append(min(count, round_half_up(Fraction(passage.end) * rate)))
    edges.append(count)
    lengths = [(p.speech, b - a) for p, a, b in zip(passages, edges, edges[1:], strict=False)]
    whole: list[tuple[bool, int]] = []
    for speech, length in lengths:
        if whole and whole[-1][0] == speech:
            whole[-1] = (speech, whole[-1][1] + length)
        elif length:
            whole.append((speech, length))
    return whole


def render(
    avatar: Avatar,
    speech: str | Path,
    output: str | Path,
    options: RenderOptions | None = None,
    seen: Seen | None = None,
) -> Rendered:
    """One sound. Errors as of ``Renderer`` and ``Renderer.render``."""
    with Renderer(avatar, options or RenderOptions()) as renderer:
        return renderer.render(speech, output, seen)
