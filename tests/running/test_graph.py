"""What waits for what: DVC's graph, and the one rule that takes an edge out of it."""

import pytest
from ruamel.yaml import YAML

from lipsync.errors import LipsyncError
from lipsync.running.graph import OPTIONAL, read_steps
from tests.project import change_params, must
from tests.running.small import make_small

BASE = """
  train_base:
    cmd: python work.py models/base/about.txt data/ann/first.txt
    deps: [data/ann/first.txt, work.py]
    outs: [models/base/about.txt]
  inherit:
    foreach: ${people}
    do:
      cmd: python work.py models/${key}.txt models/base/README.md
      deps: [models/base, work.py]
      params: ["people.${key}"]
      outs: ["models/${key}.txt"]
"""


@pytest.fixture
def folder(root, tmp_path):
    return make_small(root, tmp_path / "p", {"ann": "Ann", "bob": "Bob"})


def by_name(folder, *people, **options):
    return {step.name: step for step in read_steps(folder, people or None, **options)}


def test_steps_come_after_what_they_wait_for(folder):
    steps = by_name(folder)
    seen = set()
    for name, step in steps.items():
        assert step.after <= seen
        seen.add(name)
    assert steps["train_second@bob"].after == {"first@bob", "fetch"}
    assert steps["train_second@bob"].person == "bob"
    assert steps["fetch"].person == ""
    assert all(step.stale for step in steps.values())
    assert set(by_name(folder, "bob")) == {"fetch", "first@bob", "train_second@bob", "third@bob"}


def test_inputs_sources_and_what_git_keeps(folder):
    step = by_name(folder)["train_second@ann"]
    assert {(i.path, i.step) for i in step.inputs} == {
        ("data/ann/first.txt", "first@ann"),
        ("models/fetched.txt", "fetch"),
    }
    assert step.sources == ("work.py",)
    assert step.uncached == ("data/ann/second.json",)
    assert by_name(folder)["first@ann"].sources == ("data/videos/ann.mp4", "work.py")


def test_a_stage_that_depends_on_compute_wants_a_gpu_unless_told_not_to(folder):
    steps = by_name(folder)
    assert {step.stage for step in steps.values() if step.gpu} == {"train_second"}
    change_params(folder, lambda v: v["people"]["bob"].update(compute={"device": "cpu"}))
    steps = by_name(folder)
    assert [step.name for step in steps.values() if step.gpu] == ["train_second@ann"]
    assert steps["train_second@bob"].computes


def test_only_who_builds_on_the_base_waits_for_it(folder):
    (folder / "dvc.yaml").write_text((folder / "dvc.yaml").read_text() + BASE)
    (folder / "models/base").mkdir(parents=True)
    (folder / "models/base/README.md").write_text("The base")
    change_params(folder, lambda v: v["people"]["ann"].update(base=False))
    steps = by_name(folder)
    assert steps["inherit@bob"].after == {"train_base"}
    assert steps["inherit@ann"].after == set()
    assert steps["train_base"].after == {"first@ann"}
    assert steps["train_base"].behind == {"inherit@ann"}, "DVC lets none read meanwhile"
    assert list(steps).index("inherit@ann") < list(steps).index("train_base")
    assert steps["inherit@ann"].inputs == ()
    assert [item.step for item in steps["inherit@bob"].inputs] == ["train_base"]
    assert "train_base" not in by_name(folder, "ann")


def test_a_base_that_is_there_goes_along_with_who_does_not_need_it(folder):
    """A node without it would record another content of the folder than lies here."""
    (folder / "dvc.yaml").write_text((folder / "dvc.yaml").read_text() + BASE)
    change_params(folder, lambda v: v["people"]["ann"].update(base=False))
    (folder / "models/base").mkdir(parents=True)
    (folder / "models/base/README.md").write_text("The base")
    must(folder, "dvc", "repro", NOTES=str(folder / "notes"))
    steps = by_name(folder)
    assert not steps["train_base"].stale
    assert [item.step for item in steps["inherit@ann"].inputs] == ["train_base"]


def test_what_needs_not_be_waited_for_is_there_before(root):
    """A stage that may come before another's outs reads a folder that git always fills."""
    stages = YAML(typ="safe").load((root / "dvc.yaml").read_text())["stages"]
    for reader, writer in OPTIONAL:
        outs = stages[writer]["outs"]
        for dep in stages[reader]["do"]["deps"]:
            if any(f"{out}/".startswith(f"{dep}/") for out in outs):
                assert must(root, "git", "ls-files", f"{dep}/").strip(), f"{dep} is not in git"
                break
        else:
            raise AssertionError(f"{reader} reads nothing of {writer}")


def test_a_folder_without_a_pipeline_is_one_line(folder):
    (folder / "dvc.yaml").unlink()
    with pytest.raises(LipsyncError, match=r"dvc\.yaml"):
        read_steps(folder)
