"""Let a person's avatar say the sample speech."""

from pathlib import Path

from lipsync.params import PersonParams
from lipsync.rendering.avatar import load_avatar
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.params import RenderParams
from lipsync.rendering.render import render
from lipsync.stage import stage


@stage
def render_sample(params: PersonParams) -> None:
    chosen = params[RenderParams]
    avatar = load_avatar(Path("models") / params.person / "avatar")
    output = Path("data") / params.person / "render.mp4"
    render(avatar, chosen.speech, output, RenderOptions(preset=chosen.preset, crf=chosen.crf))


if __name__ == "__main__":
    render_sample()
