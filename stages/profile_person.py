"""Judge a person's recording before anything is trained on it.

Not named like its stage, `profile`: Python puts a script's folder before the standard library, and
a profile.py beside the stages would stand in for the module of that name, which cProfile imports.
"""

from pathlib import Path

from lipsync.faces.params import CropParams
from lipsync.params import PersonParams
from lipsync.profiling.identity import write_identity
from lipsync.profiling.measure import make_profile
from lipsync.profiling.page import write_page
from lipsync.profiling.params import ProfileParams
from lipsync.profiling.recording import read_person
from lipsync.profiling.report import table, write_profile
from lipsync.stage import stage
from lipsync.training.params import SplitParams


@stage
def profile(params: PersonParams) -> None:
    """Read what the stages up to align_audio made; write the report and the face embedding."""
    recording = read_person(params.person, params.video)
    chosen, size, split = params[ProfileParams], params[CropParams].size, params[SplitParams]
    found = make_profile(recording, chosen, size, split)
    metrics = Path("metrics") / params.person
    write_identity(Path("data") / params.person / "identity.npz", found.identity)
    write_page(metrics / "profile.png", found)
    write_profile(metrics / "profile.json", found)
    print(table(found))


if __name__ == "__main__":
    profile()
