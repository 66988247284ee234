"""The archive that a PostgreSQL URL names; opens nothing by itself."""

from __future__ import annotations

from ringfence.archive.place import ArchiveSource, ArchiveWriter, Holding
from ringfence.archive.postgresql.connecting import Server
from ringfence.archive.postgresql.reading import ServerReader
from ringfence.archive.postgresql.writing import ServerWriter


class PostgresqlPlace:
    """One database. SettingsRefused where the URL is none."""

    def __init__(self, url: str) -> None:
        self._server = Server(url)

    @property
    def shown(self) -> str:
        """The server and the database, without the password."""
        return self._server.shown

    def writer(self) -> ArchiveWriter:
        """For the holder of the lease."""
        return ServerWriter(self._server)

    def source(self) -> ArchiveSource:
        """For questions."""
        return ServerReader(self._server)

    def holding(self) -> Holding:
        """What is in it."""
        return ServerReader(self._server).holding()
