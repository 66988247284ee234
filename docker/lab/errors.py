"""Owns the one error the lab raises; it must not know what went wrong."""


class LabError(RuntimeError):
    """A one-line message that says what to do about it."""
