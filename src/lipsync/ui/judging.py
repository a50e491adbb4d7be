"""Whether a figure is good, or better than another, by the words of the summary's column "good"."""

import re

_NUMBER = r"(-?[\d.]+(?:e-?\d+)?)\s*%?"


def verdict(value: str, good: str) -> bool | None:
    """Whether a figure as the table writes it is good; None where it cannot be said.

    As where it is rounded to the very edge.
    """
    here = re.fullmatch(_NUMBER, value.replace("+", ""))
    if here is None:
        return None
    figure = float(here[1])
    for pattern, holds in (
        (rf"above {_NUMBER}", lambda low: None if figure == low else figure > low),
        (rf"below {_NUMBER}", lambda high: None if figure == high else figure < high),
        (rf"at most {_NUMBER}", lambda high: figure <= high),
        (rf"{_NUMBER} \.\.\. {_NUMBER}", lambda low, high: low <= figure <= high),
    ):
        if match := re.fullmatch(pattern, good):
            return holds(*map(float, match.groups()))
    return None


def shortfall(value: float, good: str) -> float | None:
    """How far a figure is from what is wanted; of two figures, the one with less is the better.

    Only differences mean something: "above 0.8" says that more is better, "below" and "at most"
    that less is, and of a range "0.85 ... 1.15" all values inside are alike (0). None for lines
    that are compared with another line, such as "not above that".
    """
    if re.fullmatch(rf"above {_NUMBER}", good):
        return -value
    if re.fullmatch(rf"(below|at most) {_NUMBER}", good):
        return value
    if match := re.fullmatch(rf"{_NUMBER} \.\.\. {_NUMBER}", good):
        low, high = map(float, match.groups())
        return max(low - value, value - high, 0.0)
    return None
