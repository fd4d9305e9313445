"""The one error of a value that cannot be read."""


class BadValueError(ValueError):
    """A source value that cannot become what its field holds; the text is the reason, for people."""
