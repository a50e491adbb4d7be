"""Live sessions without a browser: aiortc on both sides, and the parts by themselves."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import read_audio
from lipsync.rendering.live import LiveAvatar
from lipsync.ui.library import Library
from lipsync.ui.live import place, speaking
from lipsync.ui.live.microphone import Microphone
from lipsync.ui.live.place import Live, NotInstalled, Taken
from lipsync.ui.live.speaking import MOST, Speaking, sent_size
from lipsync.ui.settings import Settings
from lipsync.ui.tabs import live_tab
from tests.tiny_avatar import FPS, GREYS, HEIGHT, WIDTH, tiny_film, tiny_shape, write_tiny_avatar
from tests.ui.browser import running_app
from tests.ui.conftest import wait_until
from tests.ui.test_page import PASSWORD, log_in

pytest.importorskip("aiortc")
from aiortc import RTCConfiguration, RTCPeerConnection

from lipsync.ui.live import session
from lipsync.ui.live.tracks import VoiceTrack
from tests.ui.lips import LATEST
from tests.ui.live_peer import PACKET, RATE, Peer, Voice, packet

SILENCE = np.zeros(RATE, np.float32)
HALF_OPEN = GREYS[1]  # a mouth that shows more grey than this is open


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Holds an avatar that keeps its head still, `still`, and a damaged one."""
    top = tmp_path_factory.mktemp("avatars")
    write_tiny_avatar(top / "still", drift=0)
    shutil.copytree(top / "still", top / "damaged")
    (top / "damaged/motion.onnx").write_bytes(b"x")
    return top


@pytest.fixture(scope="module")
def speech(root: Path) -> np.ndarray:
    """Four seconds of the sample speech, (n,) float32 at 48 kHz."""
    return read_audio(root / "data/speech/sample.wav", RATE)[: 4 * RATE]


@pytest.fixture
def live(folder):
    with Live(Library(Settings(folder, (folder,)))) as made:
        yield made


def mouth(picture: np.ndarray) -> float:
    """Grey of the lips' middle; the avatar's head is still."""
    mesh = tiny_film(Path("none"), tiny_shape(), 1, drift=0).track.mesh(tiny_shape(), 0)
    x, y = mesh[[13, 14], :2].mean(0).round().astype(int)
    return float(picture[y - 1 : y + 2, x - 1 : x + 2].mean())


def spoken(pictures: list[np.ndarray]) -> np.ndarray:
    """Grey of the lips in those pictures that show the face (one of the film's does not)."""
    greys = np.array([mouth(picture) for picture in pictures])
    film = np.array([float(picture[2:10, 2:10].mean()) for picture in pictures])
    return greys[np.abs(greys - film) > 6]


def test_the_microphone_is_heard_at_16_khz_in_mono_and_in_time():
    at = np.arange(RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)
    microphone, given = Microphone(), []
    for number, samples in enumerate(tone.reshape(-1, PACKET)):
        if number in (20, 21):
            continue  # two packets are lost
        given.append(microphone.take(packet(samples, number)))
    heard = np.concatenate(given)
    assert heard.dtype == np.float32
    assert abs(len(heard) - 16_000) < 32
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / 16_000)
    for part in (slice(200, 6200), slice(7300, 15_000)):  # before and after the hole
        assert np.corrcoef(heard[part], expected[part])[0, 1] > 0.99
    assert np.abs(heard[6500:6900]).max() < 0.01


def test_one_person_at_a_time_and_whoever_hangs_up_makes_room(live, speech):
    async def go() -> None:
        first = await Peer(speech).connect(live, "still")
        await first.until(lambda: len(first.pictures) > 3)
        second = Peer(speech)
        with pytest.raises(Taken, match="Somebody else is live"):
            await second.connect(live, "still")
        assert not await live.end("another id")
        assert live.taken
        await first.close()
        await first.until(lambda: not live.taken)
        await second.close()
        third = await Peer(speech).connect(live, "still")
        await third.until(lambda: len(third.pictures) > 3)
        assert await live.end(third.session)
        assert not live.taken
        await third.close()

    asyncio.run(go())
    assert "live" not in {thread.name for thread in threading.enumerate()}


def test_lips_move_while_somebody_speaks_and_are_closed_in_silence(live, speech):
    async def go() -> tuple[np.ndarray, np.ndarray]:
        peer = await Peer(SILENCE).connect(live, "still")
        await peer.until(lambda: len(peer.pictures) > 30)
        silent = spoken(peer.pictures)
        peer.voice.packets = Peer(speech).voice.packets
        count = len(peer.pictures)
        await peer.until(lambda: len(peer.pictures) > count + 60)
        assert peer.pictures[0].shape == (HEIGHT, WIDTH, 3)
        await peer.close()
        return silent, spoken(peer.pictures[count:])

    silent, loud = asyncio.run(go())
    assert len(silent) > 20
    assert silent.max() < HALF_OPEN - 30
    assert (loud > HALF_OPEN - 20).mean() > 0.2


def test_reports_say_the_latency_which_is_at_least_what_is_listened_ahead(live, folder, speech):
    async def go() -> list[dict]:
        peer = await Peer(speech).connect(live, "still")
        await peer.until(lambda: len(peer.reports) >= 3)
        reports = list(peer.reports)
        await peer.close()
        return reports

    reports = asyncio.run(go())
    measured = [report for report in reports if report["latency"] is not None]
    assert measured
    for report in measured:
        assert report["look_ahead"] == pytest.approx(0.0675, abs=1e-3)  # of the tiny avatar
        assert report["look_ahead"] < report["latency"] < LATEST
        assert report["made"] > 0


def test_the_voice_comes_back_when_it_is_asked_for(live, speech):
    async def go() -> np.ndarray:
        peer = await Peer(speech).connect(live, "still")
        await peer.until(lambda: len(peer.reports) >= 1)
        assert not peer.heard
        peer.channel.send(json.dumps({"voice": True}))
        peer.channel.send("no JSON")  # changes nothing
        await peer.until(lambda: len(peer.heard) > 100)
        peer.channel.send(json.dumps({"voice": False}))
        await asyncio.sleep(1)
        count = len(peer.heard)
        await asyncio.sleep(1)
        assert len(peer.heard) == count
        await peer.close()
        return np.concatenate(peer.heard)

    heard = asyncio.run(go())
    envelope = np.abs(heard[: len(heard) // PACKET * PACKET].reshape(-1, PACKET)).mean(1)
    own = np.abs(speech).reshape(-1, PACKET).mean(1)
    best = max(
        np.corrcoef(np.resize(np.roll(own, -lag), len(envelope)), envelope)[0, 1]
        for lag in range(len(own))
    )
    assert best > 0.9


def test_the_voice_is_as_late_as_the_pictures():
    async def go() -> None:
        track, numbers = VoiceTrack(), []
        track.wanted = True
        track.hear(packet(SILENCE[:PACKET], 0))  # no picture has been sent yet
        track.follow(0.3)
        track.follow(0.3)
        begun = time.monotonic()
        for number in (1, 2):
            track.hear(packet(SILENCE[:PACKET], number))
        for _ in range(2):
            numbers.append((await track.recv()).pts // PACKET)
        assert numbers == [1, 2]
        assert time.monotonic() - begun >= 0.3 - 0.02 - 1e-3
        track.wanted = False
        track.hear(packet(SILENCE[:PACKET], 3))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await track.recv()

    asyncio.run(go())


def test_aiortc_keeps_fewer_packets_waiting_than_it_would():
    async def go() -> None:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        receiver = connection.addTransceiver("audio").receiver
        assert session.wait_less(receiver) == session.PREFETCH
        assert session.wait_less(object()) == session.AIORTC_PREFETCH
        await connection.close()

    asyncio.run(go())


def test_a_browser_that_falls_silent_without_a_word_makes_room(live, speech, monkeypatch):
    monkeypatch.setattr(session, "SILENT_LINE", 1.0)

    async def go() -> None:
        peer = await Peer(speech).connect(live, "still")
        await peer.until(lambda: len(peer.pictures) > 3)
        peer.voice.held = True
        await peer.until(lambda: not live.taken)
        assert "No audio has arrived" in peer.reports[-1]["ended"]
        await peer.close()

    asyncio.run(go())


def test_a_browser_that_never_connects_makes_room(live, speech, monkeypatch):
    monkeypatch.setattr(session, "CONNECTING", 1.0)

    async def go() -> None:
        peer = Peer(speech)
        await live.offer("still", await peer.offer())
        assert live.taken
        await peer.until(lambda: not live.taken)
        await peer.close()

    asyncio.run(go())


def test_the_end_of_the_page_is_told(folder, speech):
    async def go() -> None:
        with Live(Library(Settings(folder, (folder,)))) as live:
            peer = await Peer(speech).connect(live, "still")
            await peer.until(lambda: len(peer.pictures) > 3)
            ending = asyncio.to_thread(live.__exit__, None, None, None)
            await ending
            await peer.until(lambda: peer.reports and "ended" in peer.reports[-1])
            assert peer.reports[-1]["ended"] == place.ENDED
            live._thread = None  # ended already
        await peer.close()

    asyncio.run(go())


def test_a_page_that_ends_while_an_avatar_is_loaded_leaves_none_open(folder, speech, monkeypatch):
    loading, go_on, load = threading.Event(), threading.Event(), speaking.load_avatar

    def slowly(path: Path):
        loading.set()
        go_on.wait(60)
        return load(path)

    monkeypatch.setattr(speaking, "load_avatar", slowly)

    async def go() -> None:
        with Live(Library(Settings(folder, (folder,)))) as live:
            peer = Peer(speech)
            offer = asyncio.create_task(live.offer("still", await peer.offer()))
            await peer.until(loading.is_set)
            ending = asyncio.create_task(asyncio.to_thread(live.__exit__, None, None, None))
            await asyncio.sleep(0.2)
            go_on.set()
            with pytest.raises(LipsyncError, match="ended while the avatar was being loaded"):
                await offer
            await ending
            live._thread = None  # ended already
        await peer.close()

    asyncio.run(go())
    assert "live" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("avatar", "offer", "said"),
    [
        ("nobody", None, "avatar: choose one of those that there are"),
        (["still"], None, "avatar: choose one of those that there are"),
        ("damaged", None, "damaged, or of another avatar"),
        ("still", "v=0", "offer: not one of a browser"),
        ("still", "", "offer: not one of a browser"),
        ("still", 7, "offer: missing"),
    ],
)
def test_what_cannot_begin_is_a_line_and_takes_no_place(live, speech, avatar, offer, said):
    async def go() -> None:
        peer = Peer(speech)
        given = await peer.offer() if offer is None else offer
        with pytest.raises(LipsyncError, match=said):
            await live.offer(avatar, given)
        assert not live.taken
        await peer.close()

    asyncio.run(go())


def test_a_second_microphone_is_refused(live, speech):
    async def go() -> None:
        peer = Peer(speech)
        peer.connection.addTrack(Voice(speech))
        with pytest.raises(LipsyncError, match="offer: not one of a browser"):
            await peer.connect(live, "still")
        assert not live.taken
        await peer.close()

    asyncio.run(go())


def test_an_avatar_that_listens_too_far_ahead_is_refused(folder, monkeypatch):
    monkeypatch.setattr(LiveAvatar, "latency", 10.3)
    with pytest.raises(LipsyncError, match=r"mel listens 10\.3 s ahead, too far to be live"):
        Speaking(folder / "still", lambda picture: None, lambda why: None).__enter__()


def test_whoever_is_late_leaves_pictures_out_and_falls_no_further_behind(folder):
    shown, go_on, failed = [], threading.Event(), []

    def show(picture) -> None:
        shown.append(picture)
        go_on.wait(60)

    with Speaking(folder / "still", show, failed.append) as avatar:
        chunk = np.zeros(1600, np.float32)  # 0.1 s
        avatar.hear(chunk)
        wait_until(lambda: shown)
        for _ in range(30):
            avatar.hear(chunk)  # 3 s, while one picture is being sent
        go_on.set()
        # All is heard: up to the frame whose middle is as far back as the avatar listens ahead.
        last = int((1 + 31 * 0.1 - avatar.look_ahead) * FPS - 0.5)
        wait_until(lambda: shown[-1].number == last)
        report = avatar.report()
    assert not failed
    assert len(shown) <= 2 * MOST
    assert report.made == len(shown)
    assert report.left_out > 60
    numbers = [picture.number for picture in shown]
    assert numbers == sorted(numbers)
    for picture in shown:  # its own time, whatever was left out before it
        assert picture.frame.pts * picture.frame.time_base * FPS == picture.number


def test_an_avatar_that_breaks_ends_the_session_with_a_line(live, speech, monkeypatch):
    async def go() -> None:
        peer = await Peer(speech).connect(live, "still")
        await peer.until(lambda: len(peer.pictures) > 3)

        def breaks(*_: object, most: int) -> None:
            raise LipsyncError("frames.mp4: damaged near picture 7; make it again")

        monkeypatch.setattr(LiveAvatar, "feed", breaks)
        await peer.until(lambda: not live.taken)
        assert peer.reports[-1] == {"ended": "frames.mp4: damaged near picture 7; make it again"}
        await peer.close()

    asyncio.run(go())


def test_without_the_extra_live_says_what_to_install(live, monkeypatch):
    monkeypatch.setattr(place, "installed", lambda: False)
    with pytest.raises(NotInstalled, match=r"needs aiortc, which is not installed; run `uv pip"):
        asyncio.run(live.offer("still", ""))


def test_without_the_extra_the_tab_says_so_and_the_page_is_as_it_was(monkeypatch):
    monkeypatch.setattr(live_tab, "installed", lambda: False)
    with gr.Blocks(analytics_enabled=False) as page, gr.Tab("Live") as tab:
        live_tab.build(None, tab)
    shown = [block.value for block in page.blocks.values() if isinstance(block, gr.HTML)]
    assert len(shown) == 1
    assert 'role="alert">Live needs aiortc, which is not installed' in shown[0]
    code = "import sys; sys.modules['aiortc'] = None; import lipsync.ui.serve, lipsync.ui.page"
    subprocess.run([sys.executable, "-c", f"{code}, lipsync.ui.live.routes"], check=True)


def test_large_avatars_are_sent_smaller():
    assert sent_size(512, 512) == (512, 512)
    assert sent_size(1280, 720) == (1280, 720)
    width, height = sent_size(1080, 1920)
    assert (width % 2, height % 2) == (0, 0)
    assert width * height <= 1.01 * 1280 * 720
    assert width / height == pytest.approx(1080 / 1920, rel=0.01)


def ask(address: str, path: str, body: object, **headers: str) -> tuple[int, dict]:
    """POST JSON; status and answer."""
    request = urllib.request.Request(f"{address}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error) if error.headers["content-type"].endswith(
            "json"
        ) else {}


def test_who_may_be_live(tmp_path, tiny_folder):
    folder = tmp_path / "page"
    shutil.copytree(tiny_folder, folder / "models/alice/avatar")
    offer = {"avatar": "alice", "offer": "none"}
    with running_app(folder) as address:
        assert ask(address, "/live/offer", offer)[0] == 422
        assert ask(address, "/live/offer", [])[0] == 422
        assert ask(address, "/live/offer", offer, Origin="http://evil.example")[0] == 403
        assert ask(address, "/live/offer", offer, Host="evil.example")[0] == 403
        assert ask(address, "/live/other", offer)[0] == 404
        assert ask(address, "/live/end", {"session": "x"}) == (200, {"ended": False})
    with running_app(folder, LIPSYNC_PASSWORD=PASSWORD) as address:
        for path in ("/live/offer", "/live/end"):
            code, said = ask(address, path, offer)
            assert (code, "password" in said["error"]) == (401, True)
            assert ask(address, path, offer, Cookie="access-token-x=y")[0] == 401
        _, cookie = log_in(address, PASSWORD)
        assert ask(address, "/live/offer", offer, Cookie=cookie)[0] == 422
        assert ask(address, "/live/end", {}, Cookie=cookie)[0] == 200
