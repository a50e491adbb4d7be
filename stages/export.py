"""Turn a person's trained networks into an avatar that renders without torch."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.export.avatar import Parts, write_avatar
from lipsync.export.check import (
    check_parity,
    frames_per_second,
    refiner_parity,
    sample_inputs,
    sample_speech,
)
from lipsync.export.onnx import refiner_to_onnx
from lipsync.export.params import ExportParams
from lipsync.faces.storage import read_boxes, read_crops
from lipsync.files import atomic_path
from lipsync.generator.weights import load_generator
from lipsync.geometry.storage import read_geometry
from lipsync.media.video import FrameReader
from lipsync.motion.data import opening_range
from lipsync.motion.onnx import motion_parity, motion_to_onnx
from lipsync.motion.weights import load_motion
from lipsync.params import PersonParams
from lipsync.rendering.avatar import AvatarInfo, Opening, load_avatar
from lipsync.rendering.clips import voiced_frames
from lipsync.rendering.film import Film
from lipsync.retrieval.exemplars import read_exemplars
from lipsync.retrieval.face import FaceMaker
from lipsync.retrieval.material import study_faces
from lipsync.retrieval.pasting import undecided
from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
from lipsync.speech.weights import heard_weights
from lipsync.stage import stage
from lipsync.training.split import read_split

MODELS = Path("models/face")
NOTICE = (
    "Renders synthetic video of a real person. Use it only with that person's consent, and say "
    "that what it renders is synthetic."
)


@stage
def export(params: PersonParams) -> None:
    """Read networks, exemplars, geometry, film and boxes; write the avatar and its figures."""
    chosen, speech = params[ExportParams], params[SpeechParams]
    data, models = Path("data") / params.person, Path("models") / params.person
    refiner, detail = load_generator(models / "generator.safetensors")
    motion = load_motion(models / "motion.safetensors")
    exemplars = read_exemplars(models / "exemplars.npz")
    shape, track = read_geometry(data / "geometry.npz")
    boxes, valid = read_boxes(data / "faces.npz")
    film_path, size = data / "frames.mp4", int(refiner.config["size"])
    with FrameReader(film_path) as reader:
        fps, width, height, length = float(reader.fps), reader.width, reader.height, len(reader)
    for path, frames in ((data / "faces.npz", len(boxes)), (data / "geometry.npz", len(track))):
        if frames != length:
            raise LipsyncError(
                f"{film_path}: {length} pictures, but {path} has {frames} frames; run `dvc repro`"
            )
    components = motion.config["expression_dimension"], exemplars.expression.shape[1]
    if components != (shape.n_components,) * 2:
        raise LipsyncError(
            f"{data / 'geometry.npz'}: expressions of {shape.n_components} numbers, but the motion "
            f"network predicts {components[0]} and the exemplars have {components[1]}; "
            "run `dvc repro`"
        )
    encoder = create_encoder(speech, fps, heard_weights(data / "speech.npz"))
    windows = sample_speech(motion, encoder, fps)

    cuts = np.array(read_split(data / "split.json", length).cuts, int)
    light, covered = study_faces(read_crops(data / "faces.npz"), boxes, shape, track, fps, cuts)
    # Where something covers the mouth the film is shown as it was filmed.
    valid = valid & track.valid & ~covered
    track = replace(track, valid=valid)
    film = Film(film_path, boxes, valid, track, light, width, height, cuts=cuts)
    print("writing the networks as ONNX, about 20 s", file=sys.stderr)
    parts = Parts(
        motion=motion_to_onnx(motion, chosen.opset),
        refiner=refiner_to_onnx(refiner, chosen.opset),
        exemplars=models / "exemplars.npz",
        face_models=MODELS,
    )
    print("comparing them with PyTorch", file=sys.stderr)
    maker = FaceMaker(exemplars, shape, size, lambda layers, _: undecided(layers), detail)
    differences = {
        "motion.safetensors": motion_parity(parts.motion, motion, windows),
        "generator.safetensors": refiner_parity(
            parts.refiner, refiner, sample_inputs(maker, film, track.expression[valid])
        ),
    }
    for name, difference in differences.items():
        check_parity(difference, chosen.tolerance, models / name)
    mouth = opening_range(motion)
    info = AvatarInfo(
        person=params.person,
        notice=NOTICE,
        fps=fps,
        width=width,
        height=height,
        frames=length,
        crop_size=size,
        detail=detail,
        n_components=shape.n_components,
        opening=Opening(
            direction=mouth.direction.tolist(),
            rest=mouth.rest,
            predicted=mouth.predicted.tolist(),
            filmed=mouth.filmed.tolist(),
        ),
        exemplars=len(exemplars),
        speech=speech,
        speech_dimension=encoder.dimension,
        speech_weights_sha256=encoder.weights_sha256,
        past=motion.past,
        future=motion.future,
        opset=chosen.opset,
        sha256={},
    )
    voice = voiced_frames(data / "speech.wav", length, fps)
    folder = models / "avatar"
    write_avatar(folder, info, parts, shape, film, voice)

    metrics = {
        "parity_max_abs": float(f"{max(differences.values()):.2g}"),
        "opset": chosen.opset,
        "megabytes": round(sum(path.stat().st_size for path in folder.iterdir()) / 1e6, 2),
        # Varies from run to run and machine to machine; no stage reads this file.
        "frames_per_second": round(frames_per_second(load_avatar(folder), encoder, windows), 1),
    }
    path = Path("metrics") / params.person / "export.json"
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(", ".join(f"{name} {value}" for name, value in metrics.items()))


if __name__ == "__main__":
    export()
