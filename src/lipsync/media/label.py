"""The mark that rendered files carry: they are synthetic.

The term is IPTC's for pictures that a trained model has painted into
(https://cv.iptc.org/newscodes/digitalsourcetype, "inpainting or outpainting operations"). MP4 has
no field of its own for it, so it stands in those that players and ffprobe show.
"""

DIGITAL_SOURCE_TYPE = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)
NOTICE = "Synthetic: a neural network painted the mouth to fit sound that was not said on camera."


def synthetic_tags() -> dict[str, str]:
    """Metadata of an mp4; `media.video.VideoWriter` takes it."""
    return {"description": NOTICE, "comment": f"digitalSourceType={DIGITAL_SOURCE_TYPE}"}
