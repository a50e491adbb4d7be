"""Cut a steady square around the lower face out of each frame of a person's video."""

import json
import sys
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.crop import crop_boxes, extract, points_in_crop
from lipsync.faces.landmarks import LIPS
from lipsync.faces.params import CropParams
from lipsync.faces.storage import read_landmarks, read_shots, write_faces
from lipsync.files import atomic_path
from lipsync.media.reader import probe, read_planes
from lipsync.params import PersonParams
from lipsync.progress import progress
from lipsync.stage import stage

SMALL = 0.75  # of crop.size: a box below it has to be enlarged so much that it looks soft


@stage
def crop_faces(params: PersonParams) -> None:
    folder = Path("data") / params.person
    frames, crop = folder / "frames.mp4", params[CropParams]
    points, valid, seen = read_landmarks(folder / "landmarks.npz")
    cuts, _ = read_shots(folder / "landmarks.npz")
    info = probe(frames)
    if info.frames != len(points):
        raise LipsyncError(
            f"{frames}: {info.frames} pictures, but landmarks of {len(points)}; run `dvc repro`"
        )
    size = (info.width, info.height)
    boxes = crop_boxes(points, valid, *size, float(info.fps), crop.smoothing, cuts)

    pictures = progress(read_planes(frames), total=len(boxes), desc="crops")
    crops = (extract(*pair, crop.size) for pair in zip(pictures, boxes, strict=True))
    lips = points_in_crop(points, boxes, crop.size)[:, LIPS].astype(np.float32)
    write_faces(folder / "faces.npz", crops, crop.size, boxes, valid, seen, lips)

    side = float(np.median(boxes[:, 2] - boxes[:, 0]))
    with atomic_path(Path("metrics") / params.person / "faces.json") as path:
        path.write_text(json.dumps({"box": round(side, 1), "crop": crop.size}, indent=2) + "\n")
    print(f"the face's box is {side:.0f} pixels wide, its crop {crop.size}")
    if side < SMALL * crop.size:
        print(
            f"warning: {params.video}: the face's box is only {side:.0f} pixels wide and is "
            f"enlarged to {crop.size}; record closer or lower crop.size",
            file=sys.stderr,
        )


if __name__ == "__main__":
    crop_faces()
