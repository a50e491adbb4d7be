"""What ``lipsync profile`` does: a profile of any file, printed and written."""

from collections.abc import Callable
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.faces.recognition import SAME_PERSON, recognition_of
from lipsync.media.params import FramesParams
from lipsync.params import load_params
from lipsync.profiling.first_look import look_first
from lipsync.profiling.identity import read_identity, similarity, write_identity
from lipsync.profiling.measure import Profile, make_profile
from lipsync.profiling.page import write_page
from lipsync.profiling.params import ProfileParams
from lipsync.profiling.report import table, write_profile
from lipsync.profiling.video import read_video
from lipsync.training.params import SplitParams


def profile_video(
    video: Path,
    models: Path,
    params_file: Path,
    out: Path | None,
    face_recognition: Path | None,
    same_as: Path | None,
    audio_track: int | None = None,
) -> bool:
    """Print a video's profile, write it into ``out``; whether it is red.

    Args:
        params_file: whose sections hold, of a person's own video with that person's overrides;
            their defaults where there is no such file
        face_recognition: in place of `profile.face_recognition`
        same_as: identity.npz of the person whom it should show
        audio_track: in place of `frames.audio_track`

    Raises LipsyncError if the video, the params or a network cannot be used.
    """
    other = None if same_as is None else read_identity(same_as)
    identify = other is not None
    profile = judge_video(
        video, models, params_file, face_recognition, identify=identify, audio_track=audio_track
    )
    print(table(profile))
    if other is not None and profile.identity is not None:
        cosine = similarity(profile.identity, other)
        word = "the same person" if cosine >= SAME_PERSON else "somebody else"
        print(f"\n{same_as}: {word}, as far as the network can tell (cosine {cosine:.2f})")
    if out is not None:
        write_all(out, profile)
        print(f"\n{out / 'profile.png'}")
    return profile.verdict == "red"


def judge_video(
    video: Path,
    models: Path,
    params_file: Path,
    face_recognition: Path | None = None,
    *,
    identify: bool = False,
    audio_track: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Profile:
    """A video's profile; arguments and errors as of ``profile_video``.

    Args:
        identify: refuse to go without a network for faces
        on_progress: as of ``read_video``
    """
    frames, landmarks, crop, chosen, split = _params(params_file, video)
    if face_recognition is not None:
        chosen = chosen.model_copy(update={"face_recognition": face_recognition})
    if audio_track is not None:
        frames = frames.model_copy(update={"audio_track": audio_track})
    if identify and chosen.face_recognition is None:
        raise LipsyncError("--same-as: needs a network; give --face-recognition too")
    recognition = recognition_of(chosen.face_recognition)
    recording = read_video(
        video, models, frames, landmarks, crop, recognition=recognition, on_progress=on_progress
    )
    return make_profile(recording, chosen, crop.size, split)


def look_at_video(video: Path, models: Path, params_file: Path) -> Profile | None:
    """The first look at a video; arguments and errors as of ``profile_video``."""
    frames, landmarks, crop, chosen, _ = _params(params_file, video)
    return look_first(video, models, frames, landmarks, crop, chosen)


def _params(
    params_file: Path, video: Path
) -> tuple[FramesParams, LandmarksParams, CropParams, ProfileParams, SplitParams]:
    """Those of the person whose video it is, else of nobody; defaults where there is no file."""
    if not params_file.exists():
        return FramesParams(), LandmarksParams(), CropParams(), ProfileParams(), SplitParams()
    chosen = load_params(params_file).for_video(video)
    return (
        chosen[FramesParams],
        chosen[LandmarksParams],
        chosen[CropParams],
        chosen[ProfileParams],
        chosen[SplitParams],
    )


def write_all(folder: Path, profile: Profile) -> None:
    """profile.json and profile.png; identity.npz where a network was given."""
    write_profile(folder / "profile.json", profile)
    write_page(folder / "profile.png", profile)
    if profile.identity is not None:
        write_identity(folder / "identity.npz", profile.identity)
