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
