"""``Invocation``: one run of one command, with what it shares with every other: configuration, requests, prompts."""

import argparse
import os
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud.stand_ins.configuration import Configuration
from cloud.stand_ins.failures import Failure

if TYPE_CHECKING:
    from cloud.stand_ins.connection import Connection
    from cloud.stand_ins.objects import Storage


class Invocation:
    """
    Args:
        path: of the command, as it was typed: ``("ai-platform", "jobs", "list")``.
        flags: its own and the global ones.
        rest: what follows ``--``.
    """

    def __init__(self, path: tuple[str, ...], flags: argparse.Namespace, rest: list[str] | None) -> None:
        self.path, self.flags, self.rest = path, flags, rest
        self.configuration = Configuration(flags.configuration)
        for key, value in (("core/project", flags.project), ("core/account", flags.account)):
            if value:
                self.configuration.overrides[key] = value
        self.after = ""
        """A remark below the result."""
        self.text: str | None = None
        """What is printed of the result where no ``--format`` is given."""

    @property
    def dotted(self) -> str:
        return ".".join(("gcloud", *self.path))

    @cached_property
    def owner_connection(self) -> "Connection":
        """For what the project's owner asks, whatever account is active."""
        from cloud.stand_ins.connection import Connection

        return Connection(self.dotted)

    @cached_property
    def connection(self) -> "Connection":
        from cloud.stand_ins.accounts import token_of
        from cloud.stand_ins.connection import Connection

        owner = self.owner_connection
        token = token_of(self.account, self.configuration.folder, owner)
        return Connection(self.dotted, token, owner.invocation_id) if token else owner

    @cached_property
    def storage(self) -> "Storage":
        from cloud.stand_ins.objects import Storage

        return Storage(self.connection, self.configuration.get("core/project") or "")

    @property
    def project(self) -> str:
        return self.configuration.project

    @property
    def account(self) -> str | None:
        return self.configuration.get("core/account")

    def call(self, method: str, host: str, path: str, query: dict[str, Any] | None = None, body: Any = None) -> Any:
        return self.connection.call(method, host, path, query, body)

    def pages(self, host: str, path: str, key: str, query: dict[str, Any] | None = None) -> list[Any]:
        """All items of a list method."""
        found: list[Any] = []
        asked = dict(query or {})
        while True:
            page = self.call("GET", host, path, asked) or {}
            found += page.get(key, ())
            if not page.get("nextPageToken"):
                return found
            asked["pageToken"] = page["nextPageToken"]

    # ---------------------------------------------------------------- speaking

    def say(self, text: str) -> None:
        """A line to standard error, where gcloud's remarks go."""
        if not is_silenced(self.flags):
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def confirm(self, message: str) -> None:
        """Ask before something is deleted; without an answer (``--quiet``, no standard input) it is yes.

        Raises:
            Failure: the answer is no.
        """
        if self.is_quiet:
            return
        sys.stderr.write(f"{message}\n\nDo you want to continue (Y/n)?  ")
        sys.stderr.flush()
        answer = (sys.stdin.readline() if sys.stdin else "").strip().lower()
        sys.stderr.write("\n")
        if answer in ("n", "no"):
            raise Failure("Aborted by user.")

    @property
    def is_quiet(self) -> bool:
        if self.flags.quiet:
            return True
        return (self.configuration.get("core/disable_prompts") or "").lower() in ("1", "true", "on", "yes")


def is_silenced(flags: argparse.Namespace) -> bool:
    if flags.user_output_enabled is not None:
        return str(flags.user_output_enabled).lower() == "false"
    return (os.environ.get("CLOUDSDK_CORE_USER_OUTPUT_ENABLED") or "").lower() == "false"


def read_text(path: str) -> str:
    """A file that a flag names; ``-`` is standard input.

    Raises:
        Failure: it cannot be read.
    """
    try:
        if path == "-":
            return sys.stdin.read()
        return Path(path).expanduser().read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Failure(f"Unable to read file [{path}]: [Errno {error.errno}] {error.strerror}: {path!r}") from None
    except UnicodeDecodeError as error:
        raise Failure(f"Unable to read file [{path}]: {error}") from None
