"""The pipeline itself under `lipsync run`: what it makes of a person is what serial DVC makes."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from lipsync.media.video import VideoWriter
from tests.project import STAGES, change_params, must, shell
from tests.running.small import locked


def hashes(folder, person: str) -> dict[str, str]:
    """MD5 of a person's results, but of those that hold the person's name or a speed."""
    named = ("avatar", "metrics/", "render.mp4")
    return {
        out["path"].replace(person, "P"): out["md5"]
        for stage, entry in locked(folder).items()
        if stage.endswith(f"@{person}")
        for out in entry["outs"]
        if not any(word in out["path"] for word in named)
    }


def film_of_nobody(path: Path) -> None:
    """Four seconds of grey, with noise to hear."""
    noise = np.random.default_rng(0).normal(0, 0.1, 64000).astype(np.float32)
    with VideoWriter(path, 128, 128, 25, preset="ultrafast", sound=(noise, 16000)) as writer:
        for _ in range(100):
            writer.write(np.full((128, 128, 3), 127, np.uint8))


@pytest.mark.slow
def test_parallel_results_are_serial_results_whoever_fails_beside(project_copy):
    """A second person with the same video, beside whom the first one is evaluated again, and three
    of whom nothing can be made."""
    folder = project_copy()
    serial = hashes(folder, "sample")
    assert len(serial) >= 10
    videos = folder / "data/videos"
    film_of_nobody(videos / "grey.mp4")
    (videos / "torn.mp4").write_bytes((videos / "sample.mp4").read_bytes()[:5000])
    people = {name: {"video": f"data/videos/{name}.mp4"} for name in ("grey", "torn", "gone")}
    twin = {"twin": {"video": "data/videos/sample.mp4", "base": False}}
    change_params(folder, lambda v: v["people"].update(people | twin))
    shutil.rmtree(folder / ".dvc/cache/runs")
    for name in ("metrics/sample/evaluation.json", "models/sample/avatar/avatar.json"):
        (folder / name).unlink()
    result = shell(folder, "lipsync", "run", "--jobs", "2")
    assert result.returncode == 1
    told = result.stdout
    assert f"sample  done    2 done, {len(STAGES) - 2} up to date" in told
    assert f"twin    done    {len(STAGES)} done" in told
    assert re.search(r"^grey    failed  detect_landmarks failed", told, re.MULTILINE)
    assert re.search(r"^detect_landmarks@grey: .*grey.*no face", told, re.MULTILINE)
    assert re.search(
        r"^extract_frames@torn: .*torn\.mp4: no picture can be decoded", told, re.MULTILINE
    )
    assert re.search(r"^extract_frames@gone: .*gone\.mp4", told, re.MULTILINE)
    assert "3 stages failed" in result.stderr
    assert hashes(folder, "twin") == serial
    must(folder, "lipsync", "remove", "--yes", "--keep-video", *people)
    assert "up to date" in must(folder, "dvc", "status")
    assert "Running" not in must(folder, "dvc", "repro")
