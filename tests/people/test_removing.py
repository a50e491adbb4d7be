"""People go with all that is theirs, and with nothing that is not."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from lipsync.errors import LipsyncError
from lipsync.people.adding import add_people
from lipsync.people.removing import describe, plan_removal, remove_people
from lipsync.people.roster import print_roster
from lipsync.people.sources import Source
from tests.people.conftest import files
from tests.project import STAGES

STAGE = {"cmd": "true", "outs": [{"path": "x", "md5": "0" * 32}]}


@pytest.fixture
def three(project: Path, film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with anna, who has results, and bert, who has none."""
    monkeypatch.delenv("LIPSYNC_SCRATCH", raising=False)
    sources = [Source(film(tmp_path / f"{n}.mp4", i)) for i, n in enumerate(["anna", "bert"], 2)]
    assert [one.person for one in add_people(sources, project)] == ["anna", "bert"]
    for name in ("anna", "sample"):
        for top in ("data", "models", "metrics", ".scratch/train_syncnet"):
            (project / top / name).mkdir(parents=True)
            (project / top / name / "result").write_text(name)
    stages = {f"extract_frames@{name}": deepcopy(STAGE) for name in ("anna", "sample")}
    (project / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    return project


def test_a_plan_names_everything_and_touches_nothing(three):
    before = files(three)
    (plan,) = plan_removal(["anna"], three)
    assert [line.split(maxsplit=1) for line in describe(plan).splitlines()] == [
        ["anna:"],
        ["params.yaml", "people.anna"],
        ["dvc.lock", "1 stage"],
        ["folder", f"{three}/data/anna"],
        ["folder", f"{three}/models/anna"],
        ["folder", f"{three}/metrics/anna"],
        ["folder", f"{three}/.scratch/train_syncnet/anna"],
        ["video", "data/videos/anna.mp4, and its .dvc file"],
    ]
    assert files(three) == before


def test_what_is_the_persons_goes_and_all_else_stays(three):
    before = files(three)
    remove_people(plan_removal(["anna"], three), three)
    after = files(three)
    gone = {name for name in before if "anna" in name}
    assert len(gone) == 6  # four results, the video and its .dvc file
    assert set(after) == set(before) - gone
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"params.yaml", "dvc.lock"}
    assert list(yaml.safe_load(after["dvc.lock"])["stages"]) == ["extract_frames@sample"]
    entry = "  anna:\n    video: data/videos/anna.mp4\n"
    assert after["params.yaml"].decode() == before["params.yaml"].decode().replace(entry, "")


def test_a_video_stays_where_it_is_wanted_or_where_dvc_cannot_bring_it_back(three, film):
    (plan,) = plan_removal(["anna"], three, keep_video=True)
    assert plan.kept == "asked for"
    (plan,) = plan_removal(["sample"], three)
    assert plan.kept == "not tracked by DVC"
    film(three / "data/videos/anna.mp4", 8)
    (plan,) = plan_removal(["anna"], three)
    assert plan.kept == "changed since `dvc add`"
    remove_people([plan], three)
    assert (three / "data/videos/anna.mp4").is_file()
    assert "anna" not in yaml.safe_load((three / "params.yaml").read_text())["people"]


def test_a_shared_video_goes_with_its_last_person(three, tmp_path):
    source = Source(tmp_path / "anna.mp4", name="anna_too")
    list(add_people([source], three, again=True))
    (plan,) = plan_removal(["anna"], three)
    assert plan.kept == "anna_too uses it"
    remove_people(plan_removal(["anna", "anna_too"], three), three)
    assert not list((three / "data/videos").glob("anna*"))


def test_removing_again_finishes_what_was_interrupted(three):
    plans = plan_removal(["anna"], three)
    (three / "data/videos/anna.mp4.dvc").rename(three / "away")  # so that it fails on the way
    with pytest.raises(LipsyncError, match="`dvc remove` failed"):
        remove_people(plans, three)
    assert "anna" in yaml.safe_load((three / "params.yaml").read_text())["people"]
    (three / "away").rename(three / "data/videos/anna.mp4.dvc")
    remove_people(plan_removal(["anna"], three), three)
    assert not [name for name in files(three) if "anna" in name]


def test_those_that_cannot_go_are_refused(three):
    with pytest.raises(LipsyncError, match=r"people\.nobody: no such person"):
        plan_removal(["anna", "nobody"], three)
    with pytest.raises(LipsyncError, match="nobody would be left"):
        plan_removal(["anna", "bert", "sample"], three)


def test_those_on_whom_others_are_built_stay(three):
    params = three / "params.yaml"
    before = params.read_text()
    params.write_text(
        before.replace("people: []", "people: [sample, anna]").replace(
            "video: data/videos/bert.mp4", "video: data/videos/bert.mp4\n    syncnet: anna"
        )
    )
    with pytest.raises(
        LipsyncError, match=r"anna: is used by people\.bert\.syncnet, base\.people;"
    ):
        plan_removal(["anna"], three)
    with pytest.raises(LipsyncError, match=r"anna: is used by base\.people; change that first"):
        plan_removal(["anna", "bert"], three)
    params.write_text(before)
    assert [one.person for one in plan_removal(["anna", "bert"], three)] == ["anna", "bert"]


def test_the_list_tells_what_is_done(three):
    (three / "data/anna/frames.mp4").touch()
    (three / "data/anna/audio.wav").touch()
    (three / "data/videos/bert.mp4").unlink()
    rows = [line.split() for line in print_roster(three).splitlines()[1:]]
    assert [row[:2] for row in rows] == [
        ["sample", "data/videos/sample.mp4"],
        ["anna", "data/videos/anna.mp4"],
        ["bert", "data/videos/bert.mp4"],
    ]
    # sample: on record, but not there
    assert rows[0][3:] == ["0:03", "0", "of", f"{len(STAGES)},", "next", "extract_frames"]
    assert rows[1][3:] == ["0:03", "1", "of", f"{len(STAGES)},", "next", "detect_landmarks"]
    assert rows[2][3:5] == ["not", "pulled"]
