"""Turn a person's trained generator into an avatar that renders without torch."""

import json
import sys
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.export.avatar import write_avatar
from lipsync.export.check import check_parity, frames_per_second, parity, sample_inputs
from lipsync.export.onnx import to_onnx
from lipsync.export.params import ExportParams
from lipsync.files import atomic_path
from lipsync.generator.weights import load_generator
from lipsync.media.video import FrameReader
from lipsync.params import PersonParams
from lipsync.rendering.avatar import AvatarInfo, load_avatar, read_geometry
from lipsync.rendering.clips import voiced_frames
from lipsync.rendering.film import Film
from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
from lipsync.speech.weights import heard_weights
from lipsync.stage import stage

MODELS = Path("models/face")
NOTICE = (
    "Renders synthetic video of a real person. Use it only with that person's consent, and say "
    "that what it renders is synthetic."
)


@stage
def export(params: PersonParams) -> None:
    """Read generator, film and boxes; write the avatar folder and its figures."""
    chosen, speech = params[ExportParams], params[SpeechParams]
    data, models = Path("data") / params.person, Path("models") / params.person
    weights, film_path = models / "generator.safetensors", data / "frames.mp4"
    generator, reference = load_generator(weights)
    boxes, valid = read_geometry(data / "faces.npz")

    with FrameReader(film_path) as film:
        if len(film) != len(boxes):
            raise LipsyncError(
                f"{film_path}: {len(film)} pictures, but boxes of {len(boxes)}; run `dvc repro`"
            )
        encoder = create_encoder(speech, film.fps, heard_weights(data / "speech.npz"))
        crops, windows = sample_inputs(generator, film, boxes, encoder)
        info = AvatarInfo(
            person=params.person,
            notice=NOTICE,
            fps=float(film.fps),
            width=film.width,
            height=film.height,
            frames=len(film),
            crop_size=reference.shape[0],
            speech=speech,
            speech_dimension=encoder.dimension,
            speech_weights_sha256=encoder.weights_sha256,
            past=generator.past,
            future=generator.future,
            opset=chosen.opset,
            sha256={},
        )
    print("writing the network as ONNX, about 15 s", file=sys.stderr)
    network = to_onnx(generator, reference, chosen.opset)
    print("comparing it with PyTorch", file=sys.stderr)
    difference = parity(network, generator, reference, crops, windows)
    check_parity(difference, chosen.tolerance, weights)
    voice = voiced_frames(data / "speech.wav", info.frames, info.fps)
    picture = Film(film_path, boxes, valid, info.width, info.height)
    write_avatar(models / "avatar", info, network, picture, voice, MODELS)

    metrics = {
        "parity_max_abs": float(f"{difference:.2g}"),
        "opset": chosen.opset,
        "megabytes": round(len(network) / 1e6, 2),
        # Varies from run to run and machine to machine; no stage reads this file.
        "frames_per_second": round(frames_per_second(load_avatar(models / "avatar")), 1),
    }
    path = Path("metrics") / params.person / "export.json"
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(", ".join(f"{name} {value}" for name, value in metrics.items()))


if __name__ == "__main__":
    export()
