"""The durable record of a project: its policy, and the service accounts that were made in it with their keys."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cloud.engine.database import open_database, transaction
from cloud.resources import Json

_MIGRATIONS = (
    """
CREATE TABLE project (
    create_time REAL NOT NULL, agents TEXT NOT NULL, policy TEXT NOT NULL, revision INTEGER NOT NULL
) STRICT;
CREATE TABLE accounts (
    email TEXT PRIMARY KEY, unique_id TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, description TEXT NOT NULL,
    create_time REAL NOT NULL, policy TEXT NOT NULL DEFAULT '{}', revision INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE keys (
    id TEXT PRIMARY KEY, email TEXT NOT NULL REFERENCES accounts (email) ON DELETE CASCADE, public TEXT NOT NULL,
    create_time REAL NOT NULL
) STRICT;
CREATE INDEX keys_by_email ON keys (email);
""",
)


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    fields: Mapping[str, Json] = field(default_factory=dict)
    """Google's, without the etag."""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    email: str
    unique_id: str
    """21 digits."""
    display_name: str = ""
    description: str = ""
    create_time: float = 0.0
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class AccountKey:
    """Of a service account: its public half. Nobody but its owner has the private one."""

    id: str
    email: str
    public: str
    """PEM."""
    create_time: float


class ProjectRecords:
    """Raises:
    FailedPrecondition: ``path`` cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path, _MIGRATIONS)

    def close(self) -> None:
        self._connection.close()

    # ---------------------------------------------------------------- the project

    def project(self) -> tuple[float, str, StoredPolicy] | None:
        """When it was made, what its agents may do, and its policy; None before ``make``."""
        row = self._connection.execute("SELECT * FROM project").fetchone()
        if row is None:
            return None
        return row["create_time"], row["agents"], StoredPolicy(json.loads(row["policy"]), row["revision"])

    def make(self, create_time: float, agents: str, policy: Mapping[str, Json]) -> None:
        self._connection.execute(
            "INSERT INTO project VALUES (?, ?, ?, 1)", (create_time, agents, json.dumps(dict(policy)))
        )

    def set_policy(self, policy: Mapping[str, Json], agents: str | None = None) -> None:
        """Args:
        agents: what they may do from now on; None: as before.
        """
        self._connection.execute(
            "UPDATE project SET policy = ?, revision = revision + 1, agents = coalesce(?, agents)",
            (json.dumps(dict(policy)), agents),
        )

    # ---------------------------------------------------------------- service accounts

    def accounts(self) -> list[ServiceAccount]:
        return list(self._accounts("ORDER BY email"))

    def account(self, email: str) -> ServiceAccount | None:
        return next(self._accounts("WHERE email = ?", email), None)

    def add_account(self, account: ServiceAccount) -> None:
        self._connection.execute(
            "INSERT INTO accounts (email, unique_id, display_name, description, create_time) VALUES (?, ?, ?, ?, ?)",
            (account.email, account.unique_id, account.display_name, account.description, account.create_time),
        )

    def describe_account(self, account: ServiceAccount) -> None:
        """Record another display name and description."""
        self._connection.execute(
            "UPDATE accounts SET display_name = ?, description = ? WHERE email = ?",
            (account.display_name, account.description, account.email),
        )

    def remove_account(self, email: str, policy: Mapping[str, Json]) -> None:
        """With its keys.

        Args:
            policy: of the project, from now on.
        """
        with transaction(self._connection):
            self._connection.execute("DELETE FROM accounts WHERE email = ?", (email,))
            self.set_policy(policy)

    def account_policy(self, email: str) -> StoredPolicy:
        row = self._connection.execute("SELECT policy, revision FROM accounts WHERE email = ?", (email,)).fetchone()
        return StoredPolicy(json.loads(row["policy"]), row["revision"]) if row else StoredPolicy()

    def set_account_policy(self, email: str, policy: Mapping[str, Json]) -> None:
        self._connection.execute(
            "UPDATE accounts SET policy = ?, revision = revision + 1 WHERE email = ?", (json.dumps(dict(policy)), email)
        )

    def _accounts(self, clause: str, *values: str) -> Iterator[ServiceAccount]:
        columns = "email, unique_id, display_name, description, create_time"
        for row in self._connection.execute(f"SELECT {columns} FROM accounts {clause}", values):  # noqa: S608 (ours)
            yield ServiceAccount(*row)

    # ---------------------------------------------------------------- keys

    def keys(self, email: str) -> list[AccountKey]:
        found = self._connection.execute("SELECT * FROM keys WHERE email = ? ORDER BY create_time, id", (email,))
        return [AccountKey(*row) for row in found]

    def add_key(self, key: AccountKey) -> None:
        self._connection.execute(
            "INSERT INTO keys VALUES (?, ?, ?, ?)", (key.id, key.email, key.public, key.create_time)
        )

    def remove_key(self, key: AccountKey) -> None:
        self._connection.execute("DELETE FROM keys WHERE id = ? AND email = ?", (key.id, key.email))
