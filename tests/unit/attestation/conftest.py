"""One certificate authority for all tests here: keys take their time to make."""

from __future__ import annotations

import pytest

from tests.unit.attestation.maker import Maker


@pytest.fixture(scope="session")
def maker() -> Maker:
    return Maker()
