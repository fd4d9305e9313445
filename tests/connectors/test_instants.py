"""Instants between the text of a tool and a plain value."""

from datetime import UTC, datetime

import pytest

from connectors.errors import ContractBroken
from connectors.instants import instant, instant_text


def test_an_instant_has_an_offset_and_comes_in_utc() -> None:
    for text in ("2013-05-20T20:49:32.000+0000", "2013-05-20T20:49:32Z", "2013-05-20T16:49:32-04:00"):
        assert instant(text) == datetime(2013, 5, 20, 20, 49, 32, tzinfo=UTC)
        assert instant_text(instant(text)) == "2013-05-20T20:49:32Z"
    for text in ("2013-05-20T20:49:32", "2013-05-20", "yesterday", ""):
        with pytest.raises(ContractBroken, match="instant"):
            instant(text)
