"""What the page says of an avatar, an audio file and a rendering, as HTML."""

import hashlib
from html import escape
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.media.video import read_frames
from lipsync.rendering.avatar import FRAMES, INFO, AvatarInfo
from lipsync.ui.jobs import Job
from lipsync.ui.uploads import Upload
from lipsync.ui.words import bar, duration, error_line, note_line, quarter, warning_lines
from lipsync.ui.workspace import Workspace, url

RENDERING = "Rendering"


def avatar_card(name: str, folder: Path, workspace: Workspace) -> str:
    """A frame of the avatar's source video, and what it is; an error where it is damaged."""
    info = read_info(folder)
    if info is None:
        return error_line(f"{name}: {INFO} cannot be read; export the avatar again")
    still = poster(folder / FRAMES, workspace)
    picture = (
        f'<img src="{escape(url(still))}" alt="{escape(name)}, a frame of the source video">'
        if still
        else ""
    )
    seconds = info.frames / info.fps
    return (
        f'<div class="ls-avatar">{picture}<div><strong>{escape(name)}</strong>'
        f"<span>{info.width} × {info.height}, {info.fps:g} frames per second</span>"
        f"<span>source video: {info.frames} frames ({duration(seconds)})</span>"
        f"<span>speech encoder: {escape(info.speech.encoder)}</span></div></div>"
    )


def read_info(folder: Path) -> AvatarInfo | None:
    """avatar.json; None if it is missing or of another version, which rendering then explains."""
    try:
        return AvatarInfo.model_validate_json((folder / INFO).read_bytes())
    except (OSError, ValueError):
        return None


def poster(video: Path, workspace: Workspace) -> Path | None:
    """A video's first frame as JPEG; None where it cannot be read."""
    import cv2

    try:
        mark = hashlib.sha256(f"{video} {video.stat().st_mtime_ns}".encode()).hexdigest()
        target = workspace.pictures / f"{mark[:32]}.jpg"
        if not target.exists():
            picture = next(iter(read_frames(video)))  # (H, W, 3) uint8 RGB
            _, jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
            with atomic_path(target) as temporary:
                temporary.write_bytes(jpeg.tobytes())
    except (LipsyncError, OSError, StopIteration):
        return None
    return target


def sound_card(upload: Upload) -> str:
    """The audio file's name and length, and a player."""
    return (
        f'<div class="ls-sound"><p><strong>{escape(upload.name)}</strong> '
        f"{upload.seconds:.1f} s of audio</p>"
        f'<audio controls preload="metadata" aria-label="Your audio" '
        f'src="{escape(url(upload.path))}"></audio></div>'
    ) + warning_lines(upload.warnings)


def job_card(job: Job, ahead: int) -> str:
    """How far a rendering is; what came of it, or why nothing did."""
    if job.state == "failed":
        return error_line(job.error)
    if job.state == "cancelled":
        return note_line("Cancelled; nothing is left of it.")
    if job.state == "waiting":
        videos = "one video is" if ahead == 1 else f"{ahead} videos are"
        return note_line(f"Waiting: {videos} before yours. Keep this page open.") + bar(
            0, RENDERING
        )
    if job.state == "done":
        return result_card(job) + warning_lines(job.noticed)
    if not job.total:
        return note_line("Loading the avatar and computing audio features …") + bar(0, RENDERING)
    left = "" if job.left is None else f"{duration(job.left)} left"
    share = job.done / job.total
    return (
        f'<div class="ls-progress" {quarter(share, RENDERING)}>'
        f"<span>{job.done} of {job.total} frames</span>"
        f"<span>{job.rate:.0f} frames per second</span><span>{left}</span></div>"
    ) + bar(share, RENDERING)


def result_card(job: Job) -> str:
    """Player and download of a finished video."""
    assert job.video is not None
    assert job.rendered is not None
    place = escape(url(job.video))
    megabytes = job.video.stat().st_size / 1e6
    return (
        '<div class="ls-result" data-say="The video is finished.">'
        f'<video controls playsinline preload="metadata" aria-label="Generated video" '
        f'src="{place}"></video>'
        f'<div class="ls-row"><span>{job.rendered.pictures} frames, '
        f"{job.rendered.seconds:.1f} s, {megabytes:.1f} MB, labelled as synthetic</span>"
        f'<a class="ls-button" href="{place}" download>Download</a></div></div>'
    )
