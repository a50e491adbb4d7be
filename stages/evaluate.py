"""Measure face, expression and both together on the part of the video that no training saw."""

from pathlib import Path

import numpy as np

from lipsync.base.inherited import read_inherited
from lipsync.evaluation import figures, report
from lipsync.evaluation.comparison import Comparison
from lipsync.evaluation.evidence import Evidence
from lipsync.evaluation.expressions import compare_expressions
from lipsync.evaluation.frames import choose_frames, last_face, run_numbers, sound_of
from lipsync.evaluation.heldout import HeldOut, Renderers, render_held_out
from lipsync.evaluation.intervals import intervals
from lipsync.evaluation.mouths import LipReader
from lipsync.evaluation.official import OfficialFaces
from lipsync.evaluation.official_input import face_squares
from lipsync.evaluation.official_model import load_official_syncnet
from lipsync.evaluation.params import EvaluateParams
from lipsync.evaluation.rendering import renderer
from lipsync.evaluation.ridge import fitted_frames, predict_opening
from lipsync.evaluation.shifts import choose_wrong_speech
from lipsync.evaluation.silence import measure_silence
from lipsync.evaluation.sync import (
    PictureEmbeddings,
    audible_frames,
    scorable_windows,
    score,
    score_by_base,
)
from lipsync.evaluation.voices import measure_voices
from lipsync.faces.landmarks import mouth_opening
from lipsync.faces.params import LandmarksParams
from lipsync.faces.storage import read_landmarks
from lipsync.generator.refine import torch_refine
from lipsync.generator.weights import load_generator
from lipsync.geometry.storage import read_geometry
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.media.params import FramesParams
from lipsync.media.planes import to_planes
from lipsync.media.video import FrameReader
from lipsync.motion.data import load_motion_data, matched_prediction, normalise_speech
from lipsync.motion.weights import load_motion
from lipsync.params import PersonParams
from lipsync.retrieval.exemplars import read_exemplars
from lipsync.retrieval.face import FaceMaker
from lipsync.retrieval.material import Material
from lipsync.retrieval.pasting import undecided
from lipsync.speech.encoder import create_encoder
from lipsync.speech.mel import MelEncoder
from lipsync.speech.params import SpeechParams
from lipsync.stage import stage
from lipsync.syncnet.score import embed_pictures
from lipsync.syncnet.weights import load_syncnet
from lipsync.training.data import load_person_data
from lipsync.training.device import choose_compute, make_deterministic
from lipsync.training.params import ComputeParams
from lipsync.training.split import read_split


@stage
def evaluate(params: PersonParams) -> None:
    """Read what all stages before made; write evaluation.json, figures and comparison.mp4."""
    person, chosen = params.person, params[EvaluateParams]
    folder, models = Path("data") / person, Path("models") / person
    results = Path("metrics") / person / "evaluation"
    device = choose_compute(params[ComputeParams]).device
    make_deterministic(device)
    data = load_person_data(folder / "faces.npz", folder / "speech.npz", device)
    split = read_split(folder / "split.json", data.frames)
    begin, end = split.validation_start, last_face(data.valid)
    frames = choose_frames(begin, end, data.fps, chosen.frames)
    shape, track = read_geometry(folder / "geometry.npz")
    points, _, _ = read_landmarks(folder / "landmarks.npz")
    motion = load_motion(models / "motion.safetensors").to(device)
    syncnet = load_syncnet(models / "syncnet.safetensors").to(device)
    refiner, detail = load_generator(models / "generator.safetensors")
    exemplars = read_exemplars(models / "exemplars.npz")

    crops = data.crops.permute(0, 2, 3, 1).cpu().numpy()  # (N, S, S, 3)
    cuts = np.array(split.cuts, int)
    material = Material(crops, data.boxes, shape, track, data.fps, cuts=cuts)
    # Where something covers the mouth the avatar shows the film.
    valid = data.valid & track.valid & ~material.covered
    refined, retrieved = (
        FaceMaker(exemplars, shape, data.size, refine, detail)
        for refine in (torch_refine(refiner, device), lambda layers, _: undecided(layers))
    )
    renderers = Renderers(
        refined=renderer(refined, material),
        retrieved=renderer(retrieved, material),
        predict=matched_prediction(motion, normalise_speech(data), frames),
        silence=-1 - motion.future,
    )

    sound = read_audio(folder / "speech.wav")
    heard = sound_of(sound, frames, data.fps, SAMPLE_RATE)
    audible = audible_frames(sound, SAMPLE_RATE, data.fps, data.frames)
    ridge = predict_opening(
        MelEncoder(data.fps).encode(sound, data.frames),
        mouth_opening(points),
        fitted=fitted_frames(data.valid, data.seen, split, params[FramesParams].max_count),
        asked=frames,
        past=motion.past,
        future=motion.future,
    )
    official = None
    if chosen.official_syncnet:
        published = load_official_syncnet(chosen.official_syncnet).to(device)
        squares = face_squares(points, valid)[frames]
        official = OfficialFaces(published, squares, data.fps, device)
    wrong = choose_wrong_speech(begin, end, data.fps, chosen.shifts)
    read_lips = LipReader(Path("models/face"), params[LandmarksParams].min_score)
    embeddings = PictureEmbeddings(syncnet, device)
    sheet = figures.ContactSheet(
        figures.choose_instants(shape.opening(track.expression[frames])), data.fps
    )
    with FrameReader(folder / "frames.mp4") as film:
        held_out = HeldOut(
            frames=frames,
            film=lambda frame: to_planes(film.frame(frame)),
            crops=crops,
            boxes=data.boxes,
            valid=valid,
            cuts=cuts,
        )
        with Comparison(
            results / "comparison.mp4",
            data.boxes[frames],
            (film.height, film.width),
            data.fps,
            (heard, SAMPLE_RATE),
        ) as comparison:
            tables = render_held_out(
                held_out,
                renderers,
                read_lips,
                wrong,
                chosen.shifted_frames,
                observers=(comparison, sheet, embeddings, *([official] if official else [])),
                name=f"evaluate {person}",
            )
        silence = measure_silence(held_out, tables, read_lips, audible)

    windows = scorable_windows(valid, audible, frames, syncnet, split)
    rendered = score(syncnet, embeddings.all(), data, windows, frames)
    real = score(syncnet, embed_pictures(syncnet, data.crops[frames]), data, windows, frames)
    sheet.write(results / "contact_sheet.png")
    figures.write_opening(results, tables, ridge, wrong, frames, data.fps)
    figures.write_offsets(results, rendered, real)
    known = split.validation[valid[split.validation]]
    training = split.training[valid[split.training]]
    own = load_motion_data(folder / "geometry.npz", folder / "speech.npz")
    encoder = create_encoder(params[SpeechParams], own.fps, own.weights_sha256)
    base = read_inherited(models).motion(folder / "speech.npz", own.kind)
    base_rendered, base_real = score_by_base(
        sound, frames, data.frames, data.fps, tables.spoken.opening, tables.opening
    )
    evidence = Evidence(
        base_rendered=base_rendered,
        base_real=base_real,
        rendered=rendered,
        real=real,
        windows=len(windows),
        expressions=compare_expressions(
            shape,
            renderers.predict(known),
            track.expression[known],
            track.expression[training],
        ),
        ridge=ridge,
        silence=silence,
        voices=measure_voices(motion, own, encoder, split.training_end, base),
        official=(official.score(heard, held_out.known, run_numbers(frames)) if official else None),
    )
    found = report.figures(tables, evidence)
    details = report.with_intervals(found, intervals(tables, evidence, data.fps))
    report.write_figures(results / "details.json", details)
    report.write_figures(results.parent / "evaluation.json", report.headline(found))


if __name__ == "__main__":
    evaluate()
