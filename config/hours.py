"""Hours of the day, such as `22:00-06:00`, on the portfolio's clock."""

import re
from dataclasses import dataclass
from datetime import time

ACCEPTED = 'hours such as "22:00-06:00", on the portfolio\'s clock'
_HOURS = re.compile(r"(\d\d):(\d\d) ?- ?(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """From `begin` up to `end`, which is not part of them; over midnight where `end` is the earlier."""

    begin: time
    end: time

    def hold(self, at: time) -> bool:
        """Whether a time of the day is within them."""
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


def parse(text: str) -> Hours:
    """Reads hours; raises ValueError with what is accepted."""
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(ACCEPTED)
    hour, minute, until_hour, until_minute = (int(each) for each in found.groups())
    try:
        hours = Hours(time(hour, minute), time(until_hour, until_minute))
    except ValueError:
        raise ValueError(ACCEPTED) from None
    if hours.begin == hours.end:
        raise ValueError(f"{ACCEPTED}; to write never, set write: false")
    return hours
