"""What a student's process reports of him. It is his process: the class believes no more of it than its form."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from cloud.resources import Json

_MOST_CHECKS = 100
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The outcome of one check, in each language."""

    done: bool
    en: str
    es: str

    def text(self, language: str) -> str:
        return self.es if language == "es" else self.en


@dataclass(frozen=True, slots=True)
class Failure:
    """Of a job."""

    job: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    checks: Mapping[str, CheckReport] = field(default_factory=dict)
    """By id."""
    is_late: bool = False
    """The checks took too long: they are of an earlier time."""
    failure: Failure | None = None
    """Of the job that ended last, if it failed."""

    def to_json(self) -> Json:
        return asdict(self)

    def is_done(self, check: str) -> bool:
        return check in self.checks and self.checks[check].done


def read_report(message: Json) -> Report:
    """Raises:
    ValueError: it is none.
    """
    match message:
        case {"checks": dict(checks), "is_late": bool(is_late), "failure": failure} if len(checks) <= _MOST_CHECKS:
            read = {str(name)[:_LONGEST]: _check(check) for name, check in checks.items()}
            return Report(read, is_late, None if failure is None else _failure(failure))
    raise ValueError("no report of a student")


def _check(message: Json) -> CheckReport:
    match message:
        case {"done": bool(done), "en": str(english), "es": str(spanish)}:
            return CheckReport(done, english[:_LONGEST], spanish[:_LONGEST])
    raise ValueError("no outcome of a check")


def _failure(message: Json) -> Failure:
    match message:
        case {"job": str(job), "text": str(text)}:
            return Failure(job[:_LONGEST], text[:_LONGEST])
    raise ValueError("no failure of a job")
