"""The one error of the development stack: a sentence for the person at the keyboard."""


class StackError(Exception):
    """What stands in the way, where, and what to do about it, in one sentence."""


class AlreadyRunning(StackError):
    """Another process owns this state folder."""
