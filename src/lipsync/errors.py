"""The one exception that is meant for the user."""


class LipsyncError(Exception):
    """One line for the user: which file or parameter, what is wrong, what to do.

    Stages and commands print it on stderr and exit with 1; every other exception is a defect of
    ours and keeps its traceback.
    """
