"""Two experiments of a person: which there are, what git and DVC keep of each, what differs."""

import re
import shutil

import pytest

from lipsync.errors import LipsyncError
from lipsync.ui.compare_view import comparison
from lipsync.ui.gallery_view import gallery
from lipsync.ui.judging import shortfall
from lipsync.ui.library import Library
from lipsync.ui.revisions import WORKING_TREE, find_out, find_revision, read_figures, revisions
from lipsync.ui.settings import Settings
from lipsync.ui.workspace import Workspace
from tests.project import must
from tests.ui.experiments import make_experiments

SAMPLE = "data/alice/render.mp4"


@pytest.fixture(scope="module")
def project(tmp_path_factory, tiny_folder):
    """Look, do not touch: its working tree is the experiment's."""
    return make_experiments(tmp_path_factory.mktemp("experiments"), tiny_folder)


@pytest.fixture
def workspace():
    with Workspace() as made:
        yield made


def compared(project, workspace) -> str:
    """The commit, and the experiment."""
    _, experiment, commit = revisions(project, "alice")
    return comparison("alice", commit.commit, experiment.commit, project, workspace)


def row(html: str, name: str) -> str:
    """The text of a line of the table."""
    (found,) = re.findall(rf"<tr><th[^>]*>\s*{re.escape(name)}</th>(.*?)</tr>", html)
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


@pytest.mark.parametrize(
    ("good", "better", "worse"),
    [
        ("above 0.8", 0.9, 0.7),
        ("above 60 %", 0.99, 0.98),
        ("below 3 %", 0.02, 0.021),
        ("at most 1.2", 0.5, 0.9),
        ("0.85 ... 1.15", 1.0, 1.2),
        ("0.85 ... 1.15", 0.8, 0.7),
        ("-0.15 ... 0.15", -0.15, -0.16),
    ],
)
def test_each_figure_has_its_own_direction(good, better, worse):
    assert shortfall(better, good) < shortfall(worse, good)


def test_inside_a_range_and_beside_another_line_nothing_is_better():
    assert shortfall(0.9, "0.85 ... 1.15") == shortfall(1.1, "0.85 ... 1.15") == 0
    assert shortfall(0.9, "not above that") is None


def test_the_folder_experiments_and_commits_are_found(project):
    here, experiment, commit = revisions(project, "alice")
    assert here.commit == WORKING_TREE
    assert re.fullmatch(r"Experiment longer, \d{4}-\d\d-\d\d \d\d:\d\d", experiment.label)
    assert commit.label.endswith(": one <epoch>")
    head = must(project, "git", "rev-parse", "HEAD").strip()
    assert (commit.commit, commit.experiment) == (head, False)
    mouths = [
        read_figures(project, "alice", one).value("mouth.correlation")
        for one in (here, experiment, commit)
    ]
    assert mouths == [0.91, 0.91, 0.71]
    figures = read_figures(project, "alice", commit)
    assert figures.interval("mouth.correlation") == pytest.approx((0.66, 0.76))
    for one, epochs in ((here, 2), (experiment, 2), (commit, 1)):
        file = find_out(project, "render_sample@alice", SAMPLE, one)
        assert file.read_bytes() == (project / f"clips/{epochs}.mp4").read_bytes()


@pytest.mark.parametrize("given", ["HEAD", "--output=x", "../..", None, 3, ["a"]])
def test_what_is_not_in_the_list_is_no_revision(project, given):
    with pytest.raises(LipsyncError, match="choose one of those in the list"):
        find_revision(project, "alice", given)


def test_differences_are_better_or_worse_by_what_is_good(project, workspace):
    html = compared(project, workspace)
    assert row(html, "mouth follows the voice, r") == (
        "0.71 0.66 ... 0.76 0.91 0.86 ... 0.96 +0.20 better"
    ).replace("...", "…")
    flicker = row(html, "flicker from speech")
    assert flicker.endswith("-0.10 better intervals overlap")
    assert row(html, "of a still mouth") == "31.0 32.0 +1.0", "a baseline has no direction"
    assert row(html, "lips after sound, frames") == "+0 +0 about 0"
    both = re.findall(r"spread of its opening</th>(.*?)</tr>", html)
    assert '+0.40 <b class="ls-worse">worse</b>' in both[0], both  # 1 is wanted
    assert html.count("<video") == html.count('src="gradio_api') == 2
    assert html.count("<video muted") == 1, "the second follows the first, without its audio"


def test_figures_that_are_equal_are_folded_away(project, workspace):
    html = compared(project, workspace)
    shown, folded = html.split("<details>")
    assert "mouth follows the voice, r" in shown
    assert "lips after sound, frames" in folded
    assert "about 0" not in shown
    same = comparison("alice", WORKING_TREE, WORKING_TREE, project, workspace)
    shown, folded = same.split("<details>")
    assert "Nothing differs: all figures are the same in both." in shown
    assert "<table" not in shown
    assert "mouth follows the voice, r" in folded


def test_reading_waits_for_no_lock_of_dvcs(project, workspace):
    """As where a training runs."""
    from dvc.repo import Repo

    with Repo(str(project)) as repo, repo.lock:
        assert "better" in compared(project, workspace)


def test_a_video_that_is_not_in_the_cache_is_told_with_the_command(tmp_path, project, workspace):
    folder = tmp_path / "project"
    shutil.copytree(project, folder)
    must(folder, "dvc", "push", "-q", "--all-commits")
    shutil.rmtree(folder / ".dvc/cache/files")
    html = compared(folder, workspace)
    assert "better" in html, "figures are in git"
    assert "dvc exp pull REMOTE longer" in html
    (command,) = re.findall(r"`(dvc fetch [^`]+)`", html)
    assert html.count("<video") == 0
    must(folder, *command.split())
    html = compared(folder, workspace)
    assert html.count("<video controls") == 1
    assert "dvc fetch" not in html


def test_what_cannot_be_compared_is_a_line(tmp_path, project, workspace):
    none = comparison("alice", None, WORKING_TREE, project, workspace)
    assert none.startswith('<p class="ls-error"')
    (tmp_path / "metrics").mkdir()
    html = comparison("alice", WORKING_TREE, WORKING_TREE, tmp_path, workspace)
    assert "not a git repository" in html
    must(tmp_path, "git", "init", "-q")
    html = comparison("alice", WORKING_TREE, WORKING_TREE, tmp_path, workspace)
    assert "alice is not evaluated in it" in html
    assert "ls-error" in html


def test_the_gallery_shows_real_and_rendered_with_offset_and_score(project, workspace):
    html = gallery(Library(Settings(project)), workspace)
    real, rendered = re.findall(r"<div><b>(.*?)</div>", html)
    assert real.startswith("Real</b>")
    assert "Offset: audio 40 ms behind lips" in real
    assert "Sync score: 0.60; good: above 0.35" in real
    assert rendered.startswith("Rendered from its audio</b>")
    assert "Offset: audio 16 ms ahead of lips" in rendered
    assert "Sync score: 0.70 (0.60 … 0.80); good: above 0.35" in rendered
    pair = re.search(r'<figure class="ls-pair">(.*?)</figure>', html)[1]
    assert pair.count("<video controls") == pair.count("<video") == 1, "one file, so in step"


def test_without_speech_enough_the_pair_says_so(project, workspace, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(project, folder, symlinks=True)
    (folder / "metrics/alice/evaluation.json").write_text('{"sync": {"offset": 2, "top1": 0.5}}')
    html = gallery(Library(Settings(folder)), workspace)
    assert "Offset: lips +2 frames after audio, by SyncNet" in html
    assert "SyncNet top-1: 50%; good: above 80 %" in html
    assert html.count("not enough speech to tell") == 2
