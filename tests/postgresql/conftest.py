"""A real PostgreSQL for these tests, with a schema of its own for each."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.archive.place import DayFolder, Place
from ringfence.archive.postgresql.place import PostgresqlPlace
from tests.postgresql.parts import Query
from tests.postgresql.server import PostgresqlServer, binaries

# the same servers and waits as those tests have
from tests.valkey.conftest import until, valkey

__all__ = ["until", "valkey"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.postgresql)


@pytest.fixture(scope="session")
def one_server() -> Iterator[PostgresqlServer]:
    found = binaries()
    if found is None:
        pytest.skip("no PostgreSQL server here: `make test` installs one")
    server = PostgresqlServer(found)
    yield server
    server.remove()


@pytest.fixture
def server(one_server: PostgresqlServer) -> PostgresqlServer:
    """Running; a test may kill it, the next one starts it again."""
    one_server.start()
    return one_server


@pytest.fixture
def url(server: PostgresqlServer) -> str:
    """An empty schema."""
    name = f"t{secrets.token_hex(6)}"
    with Query(server.url()) as query:
        query(f"CREATE SCHEMA {name}")
    return server.url(schema=name)


@pytest.fixture(params=["files", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty archive, of either kind."""
    if request.param == "files":
        return DayFolder(tmp_path / "archive")
    return PostgresqlPlace(request.getfixturevalue("url"))
