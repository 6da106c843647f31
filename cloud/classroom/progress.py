"""How far one student is: the checks of the chapters, and what went wrong last."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from cloud.backends.base import Backend
from cloud.classroom.report import CheckReport, Failure, Report
from cloud.lab.checks import CHECKS, Lab, look
from cloud.lifecycle import JobState

_TIME_LIMIT = 20.0
_LONGEST = 500
_log = logging.getLogger(__name__)


class Progress:
    """Args:
    environ: of the owner's programs.
    folder: of the student's work.
    """

    def __init__(self, backend: Backend, environ: Mapping[str, str], folder: Path) -> None:
        self._backend, self._environ, self._folder = backend, environ, folder
        self._checks: dict[str, CheckReport] = {}
        self._looking: asyncio.Task[None] | None = None

    async def look(self) -> Report:
        """At most one look at a time: one that hangs is waited for again."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(asyncio.to_thread(self._look))
        done, _ = await asyncio.wait([self._looking], timeout=_TIME_LIMIT)
        ended = await self._backend.list_jobs(states=[JobState.FAILED, JobState.SUCCEEDED], limit=1)
        failed = [Failure(job.job_id, job.error_message[:_LONGEST]) for job in ended if job.state is JobState.FAILED]
        return Report(dict(self._checks), is_late=not done, failure=failed[0] if failed else None)

    def _look(self) -> None:
        """In a thread. What was done once stays so: only the others are looked at again."""
        lab = Lab(self._environ, self._folder)
        for name in CHECKS:
            if name in self._checks and self._checks[name].done:
                continue
            try:
                outcome = look(name, lab)
                self._checks[name] = CheckReport(
                    outcome.is_done, outcome.english[:_LONGEST], outcome.spanish[:_LONGEST]
                )
            except Exception as error:  # noqa: BLE001 - a defect of a check must not end the student's cloud
                _log.exception("the check %s", name)
                self._checks[name] = CheckReport(done=False, en=repr(error)[:_LONGEST], es=repr(error)[:_LONGEST])
