"""The one exception that is meant for the user, and what it says of others."""


class LipsyncError(Exception):
    """One line for the user: which file or parameter, what is wrong, what to do.

    Stages and commands print it on stderr and exit with 1; every other exception is a defect of
    ours and keeps its traceback.
    """


def first_line(error: Exception) -> str:
    """What a library's error says, in one line; its type's name where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
