"""Work in another thread: order, limits, errors, the end."""

import threading
import time
from collections.abc import Generator

import pytest

from lipsync.rendering.background import in_background


class Counter:
    """Counts up; knows how far it was asked and whether it was closed."""

    def __init__(self, fails_at: int = -1) -> None:
        self.made, self.closed, self.fails_at = 0, False, fails_at
        self.thread = ""

    def numbers(self, end: int) -> Generator[int, None, None]:
        try:
            for number in range(end):
                if number == self.fails_at:
                    raise KeyError(number)
                self.made, self.thread = number + 1, threading.current_thread().name
                yield number
        finally:
            self.closed = True


def test_the_same_items_in_the_same_order_from_another_thread():
    counter = Counter()
    assert list(in_background(counter.numbers(50), 3)) == list(range(50))
    assert counter.thread != threading.current_thread().name


def test_steps_in_a_row_keep_order():
    inner = in_background(Counter().numbers(30), 2)
    squares = in_background((number**2 for number in inner), 2)
    assert list(squares) == [number**2 for number in range(30)]


def test_it_does_not_run_away():
    counter = Counter()
    items = in_background(counter.numbers(100), 3)
    assert next(items) == 0
    time.sleep(0.05)
    assert counter.made <= 1 + 3
    items.close()


def test_an_error_comes_after_what_was_made_before_it():
    counter = Counter(fails_at=2)
    items = in_background(counter.numbers(9), 4)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(KeyError):
        next(items)
    assert counter.closed


def test_closing_ends_the_thread_and_closes_the_source():
    counter = Counter()
    before = threading.active_count()
    items = in_background((number for number in in_background(counter.numbers(100), 2)), 2)
    next(items)
    items.close()
    assert threading.active_count() == before
    assert counter.closed
