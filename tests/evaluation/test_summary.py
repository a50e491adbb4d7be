"""The table that `make demo` ends with."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.evaluation.summary import summary


def test_table_shows_figures_and_places(tmp_path: Path) -> None:
    folder = tmp_path / "metrics" / "alice"
    (folder / "evaluation").mkdir(parents=True)
    values = {
        "mouth": {"correlation": 0.914, "correlation_shifted": None, "lip_distance": 0.0214},
        "sync": {"top1": 0.87, "offset": 0},
        "face": {"psnr_region": 28.04, "flicker": 0.9},
        "retrieval": {"psnr_region": 25.66},
        "expression": {"closure": 0.456},
    }
    (folder / "evaluation.json").write_text(json.dumps(values))
    (folder / "export.json").write_text(json.dumps({"parity_max_abs": 1.2e-5}))
    details = {  # of lip_distance, another evaluation's
        "mouth": {
            "correlation": 0.914,
            "correlation_interval": [0.8512, 0.96],
            "correlation_shifted": None,
            "correlation_shifted_interval": None,
            "lip_distance": 0.03,
            "lip_distance_interval": [0.02, 0.04],
        }
    }
    (folder / "evaluation" / "details.json").write_text(json.dumps(details))
    text = summary("alice", tmp_path)
    rows = {line[2:34].strip(): line[34:].split() for line in text.split("\n")}
    headings = [line for line in text.split("\n") if line and not line.startswith(" ")]
    assert headings == [
        "alice, measured on video that no training saw:",
        "Face, with the expression as filmed",
        "Expression from speech",
        "Other voices",
        "Both together",
    ]
    assert rows["PSNR in the face region, dB"] == ["28.0", "above", "25"]
    assert "retrieval alone 25.7 below that" in " ".join(text.split())
    assert rows["closed when truly closed"][0] == "46%"
    assert rows["mouth follows the voice, r"][0] == "0.91"
    assert rows["mouth follows the voice, r"][1:4] == ["0.85", "...", "0.96"]
    assert rows["lips off by, of eye distance"][1] == "below"
    assert rows["ridge regression"][0] == "-"
    assert rows["mismatched audio"][0] == "-"
    assert rows["lips off by, of eye distance"][0] == "2.1%"
    assert rows["in sync by SyncNet, top-1"][0] == "87%"
    assert rows["lips after sound, frames"][0] == "+0"
    assert rows["ONNX against PyTorch"][0] == "1e-05"
    assert rows["avatar, frames a second"][0] == "-"
    assert rows["figures"] == ["metrics/alice/evaluation/"]
    assert "speaks new words" not in rows


@pytest.mark.parametrize(
    ("mouth", "shown"),
    [
        ({"silence": 1.13, "silence_digital": 1.71}, "open in silence, of the real one 1.13"),
        ({"silence": None, "silence_digital": 1.71}, "open in digital silence, of pauses 1.71"),
        ({"silence": None, "silence_digital": None}, "open in silence, of the real one -"),
        ({}, "open in silence, of the real one -"),  # of an older evaluation
    ],
)
def test_without_a_pause_the_mouth_is_judged_by_digital_silence(tmp_path, mouth, shown) -> None:
    metrics = tmp_path / "metrics" / "alice"
    (metrics / "evaluation").mkdir(parents=True)
    (metrics / "evaluation.json").write_text(json.dumps({"mouth": mouth}))
    found = {"mouth": mouth | {f"{name}_interval": [0.5, 2.5] for name in mouth if mouth[name]}}
    (metrics / "evaluation" / "details.json").write_text(json.dumps(found))
    lines = [" ".join(line.split()) for line in summary("alice", tmp_path).split("\n")]
    interval = " 0.50 ... 2.50" if not shown.endswith("-") else ""
    assert [line for line in lines if "silence" in line] == [f"{shown}{interval} at most 1.2"]


def test_missing_or_damaged_figures_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(LipsyncError, match=r"evaluation\.json: no such file; run `dvc repro`"):
        summary("alice", tmp_path)
    (tmp_path / "metrics" / "alice").mkdir(parents=True)
    (tmp_path / "metrics" / "alice" / "evaluation.json").write_text("{")
    with pytest.raises(LipsyncError, match="damaged"):
        summary("alice", tmp_path)


def test_no_torch_is_imported() -> None:
    code = "import sys, lipsync.evaluation.summary as s; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
