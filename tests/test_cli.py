"""The command line answers quickly and in people's words."""

import subprocess
import sys


def python(code: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **options)


def test_help_loads_nothing_heavy():
    heavy = "{'torch', 'librosa', 'matplotlib', 'dvc', 'onnxruntime', 'cv2', 'av', 'numpy'}"
    result = python(f"import sys, lipsync.cli; print(sorted({heavy} & set(sys.modules)))")
    assert result.stdout.strip() == "[]", result.stderr


def test_help_lists_the_commands():
    result = python("from lipsync.cli import app; app(['--help'])")
    assert "summary" in result.stdout
    assert result.returncode == 0


def test_a_missing_params_file_is_one_line(tmp_path):
    result = python("from lipsync.cli import app; app(['summary'])", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "params.yaml: no such file" in result.stderr


def test_a_person_not_yet_evaluated_is_told_what_to_run(tmp_path, root):
    (tmp_path / "params.yaml").write_text((root / "params.yaml").read_text())
    result = python("from lipsync.cli import app; app(['summary'])", cwd=tmp_path)
    assert result.returncode == 1
    assert "run `dvc repro`" in result.stderr
