"""Timestamps of packets: which make no sense, and where a file is several recordings joined.

Known of each track are the times of its packets and their places (bytes) in the file. Ordinary
files have neither of what is found here, and nothing of them is changed.

- An excursion: timestamps that jump away and come back to where they would be without it, after
  any number of packets up to LONGEST_EXCURSION. They are replaced by times in between.
- A join: timestamps that go back in all tracks that have something at that place in the file. It
  divides all tracks, those too that have nothing before or behind it.
- One track that goes back alone, beside another that runs on: no join. The other track, by its
  time at that place in the file, tells which of the two was right: the timestamps from there on
  (then those before it were an excursion), or the clock until then (then it is carried on).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

BACK = 0.5  # s that timestamps may go back, or ahead, without being looked at: reordering
LONGEST_EXCURSION = 10.0  # s, of a track beside which no other one tells more
DRIFT = 0.25  # share of an excursion by which its end may miss the expected time
NEAR = 2.0  # s of a track that may lie between two packets of one moment: interleaving
LEADING = 3  # packets at the beginning that may be an excursion before anything is known
DEFAULT_LENGTH = 0.04  # s of a packet that says none
# Between a packet's decoding and its showing; more than both is a mistake.
FARTHEST_LAG = 2.0  # s
MOST_REORDERED = 16  # packets, of H.264 and HEVC


@dataclass
class Track:
    """What one track says, packet by packet: times in seconds, places in bytes, ascending.

    Attributes:
        lags: seconds from decoding to showing
        replaced: packet -> time that replaces its own
        lags_replaced: packet -> lag that replaces its own
    """

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    replaced: dict[int, float] = field(default_factory=dict)
    lags_replaced: dict[int, float] = field(default_factory=dict)

    def note(self, start: float, length: float, place: int | None, lag: float) -> None:
        """The next packet; what says no place lies behind the one before."""
        self.starts.append(start)
        self.ends.append(start + length)
        before = self.places[-1] if self.places else 0
        self.places.append(before if place is None else max(before, place))
        self.lags.append(lag)

    @property
    def usual(self) -> float:
        """Seconds from one packet to the next, as most of them have it."""
        steps = sorted(b - a for a, b in pairwise(self.starts) if b > a)
        return steps[len(steps) // 2] if steps else DEFAULT_LENGTH

    def replace(self, number: int, start: float) -> None:
        self.ends[number] += start - self.starts[number]
        self.starts[number] = self.replaced[number] = start

    def replace_between(self, first: int, end: int, start: float, then: float) -> None:
        """Packets [first, end) get times that run from ``start`` on, with ``then`` behind them."""
        for number in range(first, end):
            self.replace(number, start + (then - start) * (number - first) / (end - first))

    def span(self, first: int, end: int) -> float:
        """Seconds from packet ``first`` to the last one before ``end``; 0 of none."""
        return self.starts[end - 1] - self.starts[first] if end > first else 0.0

    def until(self, place: int) -> int:
        """How many packets lie before a place in the file."""
        return bisect_left(self.places, place)


Join = dict[int, int]  # track -> its first packet behind the join


def mend(tracks: Sequence[Track], max_hole: float) -> list[list[int]]:
    """Replace what makes no sense; return the first packet of each recording, track by track.

    max_hole: seconds that the first packets of a track may be apart from its others.
    """
    for track in tracks:
        _mend_lags(track)
        _mend_excursions(track)
    joins = _joins(tracks)
    if not joins:
        for number in range(len(tracks)):
            _mend_beginning(tracks, number, max_hole)
    return [_firsts(tracks, number, joins) for number in range(len(tracks))]


def _mend_lags(track: Track) -> None:
    usual = sorted(track.lags)[len(track.lags) // 2]
    farthest = max(FARTHEST_LAG, MOST_REORDERED * track.usual)
    for number, lag in enumerate(track.lags):
        if abs(lag - usual) > farthest:
            track.lags_replaced[number] = usual


def _mend_excursions(track: Track) -> None:
    usual = track.usual
    most = max(2, round(LONGEST_EXCURSION / usual))
    expected: float | None = None
    for number, start in enumerate(track.starts):
        if number in track.replaced:
            expected = track.ends[number]
            continue
        if expected is not None and (
            start > expected + BACK or start < track.starts[number - 1] - BACK
        ):
            back = _comes_back(track, number, expected, usual, most)
            if back is not None:
                track.replace_between(number, back, expected, track.starts[back])
        expected = max(track.ends[number], track.starts[number] + usual)


def _comes_back(track: Track, first: int, expected: float, usual: float, most: int) -> int | None:
    """The packet with which an excursion that begins at ``first`` is over; None: it never is."""
    ahead = track.starts[first] > expected
    for number in range(first + 1, min(len(track.starts), first + 1 + most)):
        passed = (number - first) * usual
        jump = track.starts[number] - track.starts[number - 1]
        back = jump < -BACK if ahead else jump > BACK + usual
        if back and abs(track.starts[number] - expected - passed) <= max(BACK, DRIFT * passed):
            return number
    return None


def _goes_back(track: Track) -> list[int]:
    """Packets whose time lies before that of the one before."""
    return [n for n, (a, b) in enumerate(pairwise(track.starts), start=1) if b < a - BACK]


def _joins(tracks: Sequence[Track]) -> list[Join]:
    """Where the file begins anew, in the order of the file."""
    steps = sorted(
        (track.places[packet], number, packet)
        for number, track in enumerate(tracks)
        for packet in _goes_back(track)
    )
    joins: list[Join] = []
    for join in _together(tracks, steps):
        if len(join) == 1 and len(tracks) > 1 and _is_alone(tracks, *next(iter(join.items()))):
            continue
        joins.append(join)
    return joins


def _together(tracks: Sequence[Track], steps: Sequence[tuple[int, int, int]]) -> list[Join]:
    """Steps back (place, track, packet) of several tracks that are one join."""
    found: list[Join] = []
    last = 0  # place of the step before
    for at, (place, number, packet) in enumerate(steps):
        following = steps[at + 1] if at + 1 < len(steps) else None
        closer = following and following[1] != number and following[0] - place < place - last
        if found and number not in found[-1]:
            others = found[-1].items()
            near = all(_is_near(tracks, one, (number, packet)) for one in others)
            track = tracks[number]
            nothing = all(track.until(tracks[n].places[i]) == packet for n, i in others)
            if (near or nothing) and not closer:
                found[-1][number] = packet
                last = place
                continue
        found.append({number: packet})
        last = place
    return found


def _is_near(tracks: Sequence[Track], one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether next to nothing lies between two packets (track, packet), the first one first."""
    (a, first), (b, second) = one, other
    track, later = tracks[a], tracks[b]
    between = track.span(first, track.until(later.places[second]))
    return max(between, later.span(later.until(track.places[first]), second)) <= NEAR


def _is_alone(tracks: Sequence[Track], number: int, packet: int) -> bool:
    """Put right a track that goes back at a packet while another runs on; False if none does."""
    track = tracks[number]
    start, expected = track.starts[packet], track.starts[packet - 1] + track.usual
    if packet <= LEADING:
        track.replace_between(0, packet, start - packet * track.usual, start)
        return True
    for other in (one for one in tracks if one is not track):
        there = _running_on(track, packet, other)
        if there is None:
            continue
        if abs(start - there) <= abs(expected - there):
            if (left := _left(track, packet)) is not None:
                begin = track.starts[left - 1] + track.usual
                track.replace_between(left, packet, begin, max(begin, start))
        else:
            end = next((n for n in _goes_back(track) if n > packet), len(track.starts))
            for following in range(packet, end):
                track.replace(following, track.starts[following] + expected - start)
        return True
    return False


def _running_on(track: Track, packet: int, other: Track) -> float | None:
    """Seconds at which another track is at the place of a packet; None if it does not run on."""
    after = other.until(track.places[packet])
    if not 0 < after < len(other.starts):
        return None
    if not -BACK <= other.starts[after] - other.starts[after - 1] <= NEAR:
        return None
    before = track.span(track.until(other.places[after - 1]), packet)
    behind = track.span(packet, track.until(other.places[after]))
    return other.starts[after - 1] if max(abs(before), abs(behind)) <= NEAR else None


def _left(track: Track, packet: int) -> int | None:
    """Where the excursion that ends before ``packet`` began: the last step ahead."""
    for number in range(packet - 1, 0, -1):
        if track.starts[number] - track.starts[number - 1] > track.usual + BACK:
            return number
    return None


def _mend_beginning(tracks: Sequence[Track], number: int, max_hole: float) -> None:
    """First packets far before all others of a track, which then shares no moment with another."""
    track = tracks[number]
    rest = next(
        (
            at
            for at in range(1, min(LEADING, len(track.starts) - 1) + 1)
            if track.starts[at] - track.ends[at - 1] > max_hole
        ),
        None,
    )
    others = [other for other in tracks if other is not track]
    if rest is None or not others:
        return
    begin, end = min(track.starts[rest:]), max(track.ends)
    if any(min(other.starts) < end and max(other.ends) > begin for other in others):
        return
    track.replace_between(0, rest, track.starts[rest] - rest * track.usual, track.starts[rest])


def _firsts(tracks: Sequence[Track], number: int, joins: Sequence[Join]) -> list[int]:
    """A track's first packet of each recording; of none, that of the next one."""
    track, found = tracks[number], [0]
    for join in joins:
        if number in join:
            found.append(join[number])
            continue
        behind = min(tracks[n].places[i] for n, i in join.items())
        before = max(tracks[n].places[i - 1] for n, i in join.items())
        first = bisect_right(track.places, before)
        # Between the two: what runs on from before belongs there.
        while 0 < first < len(track.places) and track.places[first] < behind:
            if abs(track.starts[first] - track.ends[first - 1]) > NEAR:
                break
            first += 1
        found.append(max(found[-1], first))
    return found
