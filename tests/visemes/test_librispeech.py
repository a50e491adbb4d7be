"""Downloads from a server on this machine: taken up again, checked, unpacked."""

import errno
import hashlib
import http.client
import http.server
import io
import os
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.visemes import librispeech
from lipsync.visemes.librispeech import ARCHIVES, Archive, download, fetch, unpack
from lipsync.visemes.params import LibriSpeechParams


class Server(http.server.ThreadingHTTPServer):
    """Serves ``content`` at any path; ``requests`` are the ranges that were asked for."""

    content = b""
    ranges = True  # whether it knows them
    breaks_after = None  # bytes after which the connection is cut
    requests: list

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/corpus.tar.gz"

    def archive(self) -> Archive:
        return Archive(self.url, hashlib.md5(self.content).hexdigest())


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.requests.append(asked)
        start = int(asked.split("=")[1].rstrip("-")) if asked and self.server.ranges else 0
        if start and start >= len(self.server.content):
            self.send_error(416)
            return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = self.server.breaks_after
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *arguments):
        pass


def tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


NOISE = np.random.default_rng(0).bytes(300_000)
FLAC = "LibriSpeech/dev-clean/84/1/84-1-0000.flac"


@pytest.fixture(autouse=True)
def pauses(monkeypatch) -> list[float]:
    """Seconds that were to be waited, of which none is."""
    waited: list[float] = []
    monkeypatch.setattr(librispeech.time, "sleep", waited.append)
    return waited


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        server.content = tar({FLAC: NOISE})
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_an_archive_is_fetched_checked_and_unpacked(server, tmp_path):
    fetch(server.archive(), tmp_path / "downloads", tmp_path / "out")
    assert (tmp_path / "out" / FLAC).read_bytes() == NOISE
    assert [*(tmp_path / "downloads").iterdir()] == []
    assert server.requests == [None]
    fetch(server.archive(), tmp_path / "downloads", tmp_path / "out")  # is there already
    assert server.requests == [None]
    server.content = tar({FLAC: b"another edition"})
    fetch(server.archive(), tmp_path / "downloads", tmp_path / "out")
    assert (tmp_path / "out" / FLAC).read_bytes() == b"another edition"


def test_what_is_there_is_not_fetched_again(server, tmp_path):
    path = tmp_path / "corpus.tar.gz"
    (tmp_path / "corpus.tar.gz.part").write_bytes(server.content[:100_000])
    download(server.archive(), path)
    assert server.requests == ["bytes=100000-"]
    assert path.read_bytes() == server.content
    assert not (tmp_path / "corpus.tar.gz.part").exists()


def test_a_download_that_was_whole_already_is_only_checked(server, tmp_path):
    (tmp_path / "corpus.tar.gz.part").write_bytes(server.content)
    download(server.archive(), tmp_path / "corpus.tar.gz")
    assert server.requests == [f"bytes={len(server.content)}-"]


def test_a_connection_that_breaks_is_taken_up_in_the_same_run(server, tmp_path):
    server.breaks_after = 80_000
    download(server.archive(), tmp_path / "corpus.tar.gz")
    assert server.requests == [None, "bytes=80000-", "bytes=160000-", "bytes=240000-"]
    assert (tmp_path / "corpus.tar.gz").read_bytes() == server.content


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.ranges = False
    (tmp_path / "corpus.tar.gz.part").write_bytes(b"something else" * 100)
    download(server.archive(), tmp_path / "corpus.tar.gz")
    assert (tmp_path / "corpus.tar.gz").read_bytes() == server.content


def test_a_wrong_content_is_refused_and_deleted(server, tmp_path):
    wanted = Archive(server.url, "0" * 32)
    with pytest.raises(LipsyncError, match=r"its MD5 is .* expected 000"):
        download(wanted, tmp_path / "corpus.tar.gz")
    assert [*tmp_path.iterdir()] == []


def test_no_server_is_one_line_that_says_what_is_there(server, tmp_path, monkeypatch):
    monkeypatch.setattr(librispeech, "ATTEMPTS", 2)
    server.breaks_after = 1000
    with pytest.raises(LipsyncError, match=r"the connection broke off.*2000 bytes are there"):
        download(server.archive(), tmp_path / "corpus.tar.gz")
    gone = Archive("http://127.0.0.1:9/corpus.tar.gz", "0" * 32)
    with pytest.raises(LipsyncError, match=r"cannot download: .*check the network"):
        download(gone, tmp_path / "other.tar.gz")


def test_a_server_that_ails_is_given_time(server, tmp_path, monkeypatch, pauses):
    answers = [http.client.IncompleteRead(b""), ConnectionResetError(), OSError("no route"), None]
    whole = librispeech._continue

    def ailing(url, part):
        if (problem := answers.pop(0)) is not None:
            raise problem
        return whole(url, part)

    monkeypatch.setattr(librispeech, "_continue", ailing)
    download(server.archive(), tmp_path / "corpus.tar.gz")
    assert (tmp_path / "corpus.tar.gz").read_bytes() == server.content
    assert pauses == [0, 1, 2, 4]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES])
def test_a_full_disk_is_one_line_at_once_and_keeps_what_is_there(
    server, tmp_path, monkeypatch, number, pauses
):
    def full(url, part):
        part.write_bytes(b"so far")
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(librispeech, "_continue", full)
    with pytest.raises(LipsyncError, match="make room or check the folder") as error:
        download(server.archive(), tmp_path / "corpus.tar.gz")
    assert "\n" not in str(error.value)
    assert pauses == [0]
    assert (tmp_path / "corpus.tar.gz.part").read_bytes() == b"so far"


def test_a_zip_is_unpacked_too_and_none_leads_out(tmp_path):
    for name, refused in (("a/b.TextGrid", False), ("../b.TextGrid", True), ("/b", True)):
        path = tmp_path / "alignments.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "content")
        if refused:
            with pytest.raises(LipsyncError, match="leads out of the archive"):
                unpack(path, tmp_path / "out")
        else:
            unpack(path, tmp_path / "out")
            assert (tmp_path / "out" / name).read_text() == "content"
    path = tmp_path / "evil.tar.gz"
    path.write_bytes(tar({"../evil": b"x"}))
    with pytest.raises(LipsyncError, match="cannot unpack"):
        unpack(path, tmp_path / "out")
    path.write_bytes(tar({"noise": NOISE})[:1000])
    with pytest.raises(LipsyncError, match="cannot unpack"):
        unpack(path, tmp_path / "out")


def test_every_split_that_may_be_chosen_has_an_address():
    assert LibriSpeechParams(fetch=tuple(ARCHIVES)).fetch == tuple(ARCHIVES)
    for archive in ARCHIVES.values():
        assert archive.url.startswith("https://")
        assert len(archive.md5) == 32
