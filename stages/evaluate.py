"""Measure the generator on the part of the video that no training saw."""

from pathlib import Path

import numpy as np
import torch

from lipsync.evaluation import figures, report
from lipsync.evaluation.comparison import Comparison
from lipsync.evaluation.evidence import Evidence
from lipsync.evaluation.heldout import HeldOut, look
from lipsync.evaluation.intervals import intervals
from lipsync.evaluation.mouths import LipReader
from lipsync.evaluation.official import OfficialFaces
from lipsync.evaluation.official_input import face_squares
from lipsync.evaluation.official_model import load_official_syncnet
from lipsync.evaluation.painting import generator_paint, silent_frame
from lipsync.evaluation.params import EvaluateParams
from lipsync.evaluation.ridge import fitted_frames, predict_opening
from lipsync.evaluation.shifts import choose_wrong_speech
from lipsync.evaluation.silence import measure_silence
from lipsync.evaluation.sync import PictureEmbeddings, audible_frames, scorable_windows, score
from lipsync.faces.landmarks import mouth_opening
from lipsync.faces.params import LandmarksParams
from lipsync.faces.storage import read_landmarks
from lipsync.generator.weights import load_generator
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.media.clock import sample_count
from lipsync.media.params import FramesParams
from lipsync.media.video import FrameReader
from lipsync.params import PersonParams
from lipsync.speech.mel import MelEncoder
from lipsync.stage import stage
from lipsync.syncnet.score import embed_pictures
from lipsync.syncnet.weights import load_syncnet
from lipsync.training.data import load_person_data
from lipsync.training.device import choose_compute, make_deterministic
from lipsync.training.params import ComputeParams, SplitParams
from lipsync.training.split import split_frames


@stage
def evaluate(params: PersonParams) -> None:
    """Read what all stages before made; write evaluation.json, figures and comparison.mp4."""
    person, chosen = params.person, params[EvaluateParams]
    folder, models = Path("data") / person, Path("models") / person
    metrics = Path("metrics") / person
    device = choose_compute(params[ComputeParams]).device
    make_deterministic(device)
    data = load_person_data(folder / "faces.npz", folder / "speech.npz", device)
    split = split_frames(data.frames, data.fps, params[SplitParams])
    start = split.validation_start
    generator, reference = load_generator(models / "generator.safetensors")
    generator.to(device, memory_format=torch.channels_last)
    syncnet = load_syncnet(models / "syncnet.safetensors").to(device)
    points, _, _ = read_landmarks(folder / "landmarks.npz")
    official = None
    if chosen.official_syncnet:
        published = load_official_syncnet(chosen.official_syncnet).to(device)
        squares = face_squares(points, data.valid)[start:]
        official = OfficialFaces(published, squares, data.fps, device)
    sound = read_audio(folder / "speech.wav")
    heard = sound[sample_count(start, data.fps, SAMPLE_RATE) :]
    audible = audible_frames(sound, SAMPLE_RATE, data.fps, data.frames)
    ridge = predict_opening(
        MelEncoder(data.fps).encode(sound, data.frames),
        mouth_opening(points),
        fitted=fitted_frames(data.valid, data.seen, split, params[FramesParams].max_count),
        asked=split.validation,
        past=generator.past,
        future=generator.future,
    )
    wrong = choose_wrong_speech(start, data.frames, data.fps, chosen.shifts)
    read_lips = LipReader(Path("models/face"), params[LandmarksParams].min_score)
    with np.load(folder / "faces.npz") as faces:
        boxes = faces["boxes"]
    with FrameReader(folder / "frames.mp4") as pictures:
        held_out = HeldOut(
            start=start,
            pictures=pictures,
            crops=data.crops[start:].permute(0, 2, 3, 1).cpu().numpy(),
            boxes=boxes[start:],
            valid=data.valid[start:],
            reference=reference,
        )
        embeddings = PictureEmbeddings(syncnet, device)
        paint = generator_paint(generator, data, reference)
        sheet = figures.ContactSheet(len(held_out.boxes), start, data.fps)
        with Comparison(
            metrics / "evaluation" / "comparison.mp4",
            held_out.boxes,
            (pictures.height, pictures.width),
            data.fps,
            (heard, SAMPLE_RATE),
        ) as comparison:
            tables = look(
                held_out,
                paint,
                read_lips,
                wrong,
                chosen.shifted_frames,
                observers=(comparison, sheet, embeddings, *([official] if official else [])),
                name=f"evaluate {person}",
            )
        silence = measure_silence(
            held_out, paint, silent_frame(generator), read_lips, audible, boxes, data.valid
        )
    windows = scorable_windows(data.valid, audible, start, syncnet)
    rendered = score(syncnet, embeddings.all(), data, windows, start)
    real = score(syncnet, embed_pictures(syncnet, data.crops[start:]), data, windows, start)
    sheet.write(metrics / "evaluation" / "contact_sheet.png")
    figures.write_opening(metrics / "evaluation", tables, ridge, wrong, start, data.fps)
    figures.write_offsets(metrics / "evaluation", rendered, real)
    evidence = Evidence(
        rendered=rendered,
        real=real,
        windows=len(windows),
        ridge=ridge,
        silence=silence,
        official=official.score(heard, held_out.valid) if official else None,
    )
    found = report.figures(tables, evidence)
    details = report.with_intervals(found, intervals(tables, evidence, data.fps))
    report.write_figures(metrics / "evaluation" / "details.json", details)
    report.write_figures(metrics / "evaluation.json", report.headline(found))


if __name__ == "__main__":
    evaluate()
