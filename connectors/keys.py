"""Natural keys as one identity text."""

from collections.abc import Iterable


def natural_id(values: Iterable[str | None]) -> str:
    """The parts of a natural key joined by `/`, `%` for an empty one.

    A `/` or `%` inside a part is percent-encoded, so no two keys meet.
    """
    return "/".join(
        "%" if value is None else value.replace("%", "%25").replace("/", "%2F") for value in values
    )


def natural_parts(identity: str) -> tuple[str, ...]:
    """The parts that `natural_id` joined; an empty one comes back as the empty text."""
    return tuple(
        "" if part == "%" else part.replace("%2F", "/").replace("%25", "%") for part in identity.split("/")
    )
