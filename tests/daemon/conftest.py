from __future__ import annotations

from collections.abc import Iterator

import pytest

from .launches import House


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    house = House(monkeypatch)
    yield house
    house.table.stop()
