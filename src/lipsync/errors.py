"""The one exception that is meant for the user, and what it says of others."""

from pickle import UnpicklingError


class LipsyncError(Exception):
    """One line for the user: which file or parameter, what is wrong, what to do.

    Stages and commands print it on stderr and exit with 1; every other exception is a defect of
    ours and keeps its traceback.
    """


def first_line(error: Exception) -> str:
    """What a library's error says, in one line; its type's name where it says nothing.

    Of what torch refuses to unpickle it advises to run the code in it; that is not passed on.
    """
    if isinstance(error, UnpicklingError):
        return "damaged, or holds more than tensors"
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def printable(text: str) -> str:
    r"""The text in one line that a terminal can show.

    File names may hold line breaks, control characters and, on Linux, bytes that are no UTF-8,
    which Python reads as lone surrogates: all of these become escapes like \n, \x1b, \udcff.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
