"""``check("bucket")``: what a learner sees at the end of a section."""

import os

import click

from cloud.lab import checks
from cloud.lab.checks.outcome import LANGUAGES, Lab
from cloud.lab.jupyter_files import LANGUAGE_VARIABLE
from cloud.lab.names import lab_folder


class NotYet(AssertionError):
    """A check that is not done; raised under CI only."""


def check(name: str) -> None:
    """Print one line: done, or not yet, why, and what to do.

    Raises:
        NotYet: it is not done, and the variable ``CI`` is set: learners see the line alone.
    """
    language = os.environ.get(LANGUAGE_VARIABLE, "en")
    language = language if language in LANGUAGES else "en"
    if name not in checks.CHECKS:
        click.echo({"en": f"There is no check {name!r}.", "es": f"No existe la comprobación {name!r}."}[language])
        return
    outcome = checks.look(name, Lab(dict(os.environ), lab_folder(os.environ)))
    click.echo(outcome.line(language))
    if os.environ.get("CI") and not outcome.is_done:
        raise NotYet(outcome.line(language))
