"""The pipeline itself under `lipsync run`: what it makes of a person is what serial DVC makes."""

import shutil

import pytest

from tests.project import STAGES, change_params, must
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


@pytest.mark.slow
def test_parallel_results_are_serial_results(project_copy):
    """A second person with the same video, beside whom the first one is evaluated again."""
    folder = project_copy()
    serial = hashes(folder, "sample")
    assert len(serial) >= 10
    change_params(folder, lambda v: v["people"].update(twin={"video": "data/videos/sample.mp4"}))
    shutil.rmtree(folder / ".dvc/cache/runs")
    for name in ("metrics/sample/evaluation.json", "models/sample/avatar/avatar.json"):
        (folder / name).unlink()
    out = must(folder, "lipsync", "run", "--jobs", "2")
    assert f"sample  done  2 done, {len(STAGES) - 2} up to date" in out
    assert f"twin    done  {len(STAGES)} done" in out
    assert hashes(folder, "twin") == serial
    assert "up to date" in must(folder, "dvc", "status")
    assert "Running" not in must(folder, "dvc", "repro")
