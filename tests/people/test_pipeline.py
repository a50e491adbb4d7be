"""Who comes or goes reruns nobody else, as DVC sees it in a project that has run."""

import json
import sys

from tests.people.conftest import files
from tests.project import STAGES, commit, must


def lipsync(project, *arguments: str) -> str:
    return must(project, sys.executable, "-c", "from lipsync.cli import app; app()", *arguments)


def test_adding_and_removing_a_person_reruns_nobody_else(project_copy, film, tmp_path):
    project = project_copy()
    assert f"{len(STAGES)} of {len(STAGES)}\n" in lipsync(project, "list")
    before = files(project)
    lipsync(project, "add", str(film(tmp_path / "anna.mp4", 2, seconds=3)))
    status = json.loads(must(project, "dvc", "status", "--json").splitlines()[-1])
    assert set(status) == {f"{stage}@anna" for stage in STAGES}

    must(project, "dvc", "repro", "-s", "extract_frames@anna")
    commit(project, "anna")
    assert (project / "data/anna/frames.mp4").is_file()
    assert "extract_frames@anna" in (project / "dvc.lock").read_text()

    lipsync(project, "remove", "anna", "--yes")
    after = files(project)
    assert after.pop("data/.gitignore", None) == before.pop("data/.gitignore", None)
    assert after == before
    assert json.loads(must(project, "dvc", "status", "--json").splitlines()[-1]) == {}
