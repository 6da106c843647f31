"""What a check says: done, or not yet, why and what to do; in each language of the lab."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cloud.lab.api import Api
from cloud.lab.names import Names, read_names

LANGUAGES = ("en", "es")
_DONE = {"en": "done", "es": "hecho"}
_NOT_YET = {"en": "not yet", "es": "todavía no"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Args:
    english, spanish: what was found; where it is not done, also what to do.
    """

    is_done: bool
    english: str
    spanish: str

    def line(self, language: str) -> str:
        """One line for the learner."""
        text = self.spanish if language == "es" else self.english
        return f"{'✔' if self.is_done else '✘'} {(_DONE if self.is_done else _NOT_YET)[language]}: {text}"


def done(english: str, spanish: str) -> Outcome:
    return Outcome(is_done=True, english=english, spanish=spanish)


def not_yet(english: str, spanish: str) -> Outcome:
    return Outcome(is_done=False, english=english, spanish=spanish)


@dataclass(frozen=True)
class Lab:
    """One learner's lab, as a check sees it: his cloud and his folder. Checks change nothing in either.

    Args:
        environ: with the variables of ``cloud.serve``.
        folder: with his files.
    """

    environ: Mapping[str, str] = field(repr=False)
    folder: Path

    @cached_property
    def api(self) -> Api:
        return Api(self.environ)

    @cached_property
    def names(self) -> Names:
        return read_names(self.folder)

    @property
    def served_project(self) -> str:
        """The project of his cloud."""
        return self.environ.get("GOOGLE_CLOUD_PROJECT", "")

    @property
    def project(self) -> str:
        return self.names.project or self.served_project

    @property
    def bucket(self) -> str:
        return self.names.bucket
