"""Measure the generator on the part of the video that no training saw."""

from pathlib import Path

import numpy as np
import torch

from lipsync.evaluation import figures, report
from lipsync.evaluation.comparison import Comparison
from lipsync.evaluation.heldout import HeldOut, look
from lipsync.evaluation.mouths import LipReader
from lipsync.evaluation.painting import generator_paint
from lipsync.evaluation.params import EvaluateParams
from lipsync.evaluation.shifts import choose_wrong_speech
from lipsync.evaluation.sync import PictureEmbeddings, audible_frames, scorable_windows, score
from lipsync.faces.params import LandmarksParams
from lipsync.generator.weights import load_generator
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.media.clock import sample_count
from lipsync.media.video import FrameReader
from lipsync.params import PersonParams
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
    start = split_frames(data.frames, data.fps, params[SplitParams]).validation_start
    generator, reference = load_generator(models / "generator.safetensors")
    generator.to(device, memory_format=torch.channels_last)
    syncnet = load_syncnet(models / "syncnet.safetensors").to(device)
    sound = read_audio(folder / "audio.wav")
    wrong = choose_wrong_speech(start, data.frames, data.fps, chosen.shifts)
    read_lips = LipReader(Path("models/face"), params[LandmarksParams].min_score)
    with np.load(folder / "faces.npz") as faces:
        boxes = faces["boxes"][start:]
    with FrameReader(folder / "frames.mp4") as pictures:
        held_out = HeldOut(
            start=start,
            pictures=pictures,
            crops=data.crops[start:].permute(0, 2, 3, 1).cpu().numpy(),
            boxes=boxes,
            valid=data.valid[start:],
            reference=reference,
        )
        embeddings = PictureEmbeddings(syncnet, device)
        sheet = figures.ContactSheet(len(boxes), start, data.fps)
        heard = sound[sample_count(start, data.fps, SAMPLE_RATE) :]
        with Comparison(
            metrics / "evaluation" / "comparison.mp4",
            boxes,
            (pictures.height, pictures.width),
            data.fps,
            (heard, SAMPLE_RATE),
        ) as comparison:
            tables = look(
                held_out,
                generator_paint(generator, data, reference),
                read_lips,
                wrong,
                chosen.shifted_frames,
                observers=(comparison, sheet, embeddings),
                name=f"evaluate {person}",
            )
    audible = audible_frames(sound, SAMPLE_RATE, data.fps, data.frames)
    windows = scorable_windows(data.valid, audible, start, syncnet)
    rendered = score(syncnet, embeddings.all(), data, windows, start)
    real = score(syncnet, embed_pictures(syncnet, data.crops[start:]), data, windows, start)
    sheet.write(metrics / "evaluation" / "contact_sheet.png")
    figures.write_opening(metrics / "evaluation", tables, wrong, start, data.fps)
    figures.write_offsets(metrics / "evaluation", rendered, real)
    found = report.figures(tables, rendered, real, len(windows))
    report.write_figures(metrics / "evaluation" / "details.json", found)
    report.write_figures(metrics / "evaluation.json", report.headline(found))


if __name__ == "__main__":
    evaluate()
