"""Who may see the page, and what `lipsync app` refuses before it starts."""

import subprocess
import sys

import pytest

from lipsync.errors import LipsyncError
from lipsync.ui.serve import address, allowed_hosts
from lipsync.ui.settings import PASSWORD_VARIABLE, is_loopback, make_settings, read_password
from tests.project import shell


def settings(host="127.0.0.1", file=None, environment=None, megabytes=200.0, minutes=30.0, more=()):
    return make_settings(list(more), host, 7860, file, megabytes, minutes, environment or {})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_computer_alone_needs_no_password(host):
    assert is_loopback(host)
    assert settings(host).password is None
    assert host in allowed_hosts(settings(host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_any_other_host_requires_a_password(host, tmp_path):
    with pytest.raises(LipsyncError, match=r"--host: .*--password-file FILE or set LIPSYNC_PASS"):
        settings(host)
    file = tmp_path / "password"
    file.write_text("correct horse\nnot this line\n")
    assert settings(host, file).password == "correct horse"
    given = settings(host, environment={PASSWORD_VARIABLE: "battery staple"})
    assert given.password == "battery staple"
    assert allowed_hosts(given) is None


def test_the_file_wins_and_a_short_or_missing_password_is_refused(tmp_path):
    file = tmp_path / "password"
    file.write_text("of the file!\n")
    assert read_password(file, {PASSWORD_VARIABLE: "of the environment"}) == "of the file!"
    for text in ("", "\n", "short\n", "   7 abc   \n"):
        file.write_text(text)
        with pytest.raises(LipsyncError, match="use at least 8"):
            read_password(file, {})
    with pytest.raises(LipsyncError, match="use at least 8") as error:
        read_password(None, {PASSWORD_VARIABLE: "secret1"})
    assert "secret1" not in str(error.value)
    with pytest.raises(LipsyncError, match="No such file"):
        read_password(tmp_path / "nowhere", {})
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LipsyncError, match="not text"):
        read_password(file, {})


def test_limits_are_more_than_nothing_and_folders_are_there(tmp_path):
    made = settings(megabytes=1.5, minutes=0.5, more=[tmp_path])
    assert (made.max_upload, made.max_seconds, made.further) == (1_500_000, 30, (tmp_path,))
    for wrong in (0, -1, float("nan")):
        with pytest.raises(LipsyncError, match="--max-upload-mb"):
            settings(megabytes=wrong)
        with pytest.raises(LipsyncError, match="--max-minutes"):
            settings(minutes=wrong)
    with pytest.raises(LipsyncError, match=r"--avatars: .*no such folder"):
        settings(more=[tmp_path / "nowhere"])


def test_the_command_refuses_in_one_line_and_takes_no_password_itself(tmp_path):
    refused = shell(tmp_path, "lipsync", "app", "--host", "0.0.0.0")
    assert refused.returncode == 1
    assert refused.stderr.startswith("lipsync app: --host: 0.0.0.0 can be reached")
    assert len(refused.stderr.splitlines()) == 1
    assert shell(tmp_path, "lipsync", "app", "--password", "x" * 9).returncode == 2


def test_addresses_are_what_a_browser_takes():
    assert address(settings()) == "http://127.0.0.1:7860"
    assert address(settings("::1")) == "http://[::1]:7860"


def test_help_imports_neither_gradio_nor_torch():
    code = "import sys, lipsync.cli; print(sorted({'gradio', 'torch', 'dvc'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout == "[]\n"
