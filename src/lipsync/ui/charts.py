"""Curves as SVG, in the page's own colours; no script, no library."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 360, 150  # units of the drawing, which is stretched to the page
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 24  # margins, for the numbers


def curve(title: str, points: Sequence[tuple[float, float]]) -> str:
    """A line through points (epoch, value), with the lowest one marked.

    The vertical axis runs from the lowest to the highest value. "" where there is no point.
    """
    if not points:
        return ""
    x0, x1 = points[0][0], points[-1][0]
    low, high = min(y for _, y in points), max(y for _, y in points)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x0) / (x1 - x0) if x1 > x0 else 0.5
        up = (y - low) / (high - low) if high > low else 0.5
        return (
            LEFT + across * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM),
        )

    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    best_x, best_y = place(*min(points, key=lambda point: point[1]))
    label = f"{title}: {points[-1][1]:.4g} after epoch {points[-1][0]:g}, lowest {low:.4g}"
    levels = {high, low}
    numbers = "".join(
        f'<line class="ls-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{value:.3g}</text>'
        for value, y in ((level, place(x0, level)[1]) for level in sorted(levels))
    )
    ends = f'<text x="{place(x0, low)[0]:.1f}" y="{HEIGHT - 7}">{x0:g}</text>' if x1 > x0 else ""
    return (
        f'<figure class="ls-curve"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>{numbers}{ends}"
        f'<text x="{place(x1, low)[0]:.1f}" y="{HEIGHT - 7}" text-anchor="end">'
        f"epoch {x1:g}</text>"
        f'<polyline class="ls-line" points="{path}"/>'
        f'<circle class="ls-best" cx="{best_x:.1f}" cy="{best_y:.1f}" r="3.5"/></svg></figure>'
    )
