"""Params of the base, which is trained once over several people, and of its adapters."""

from pydantic import Field, PositiveFloat, PositiveInt

from lipsync.params import Section


class BaseParams(Section, key="base"):
    """Whom the base learns from, and for how long."""

    people: tuple[str, ...] = ()  # names; with none, no base is trained
    frames: int | None = Field(None, ge=100)  # of a person at most, in either part; None: all
    epochs: PositiveInt = 8  # of the base's refiner, over all of these people's frames


class AdapterParams(Section, key="adapter"):
    """Low-rank changes of a frozen base (LoRA, Hu et al. 2021).

    A section of its own, which stage inherit alone reads: another rank makes only adapted people
    stale, and never the base.
    """

    rank: PositiveInt = 4
    alpha: PositiveFloat = 8.0  # the change is scaled by alpha / rank
