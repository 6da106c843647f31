"""What a backend can do."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a backend can do beyond the core of the specification; declared, never found out by trying."""

    gpus: bool
    """Jobs and versions may ask for GPUs, if only by a scale tier."""
    enforces_grants: bool
    """A job without grants on its bucket fails for that reason."""
    tpus: bool = False
    """Scale tiers with TPUs are accepted."""
    own_machines: bool = False
    """Machines of replicas and versions may be chosen with their GPUs. If False, only scale tiers bring some."""
    job_variables: bool = True
    """Jobs of ML Engine may have variables too: ``TrainingSpec.env`` and ``base_output_directory``."""
    runs_programs: bool = True
    """Jobs run the programs in their packages, and versions run their SavedModels. If False, the backend only simulates
    both."""
    tunes: bool = True
    """``submit_job`` accepts tuning jobs."""
    resumes_studies: bool = True
    """A tuning job may go on with an earlier one (``TuningSpec.resume_previous_job_id``)."""
    trial_job_dirs: bool = True
    """A trial's ``--job-dir`` is a folder of its own below the job's. If False, it is the job's folder, and only the
    folders that the ``AIP_`` variables name are the trial's."""
    predicts_in_batches: bool = True
    """``submit_job`` accepts batch prediction jobs."""
    predicts_any_version: bool = True
    """``predict`` also accepts versions that are not the default."""
    lists_in_parts: bool = True
    """``list_jobs`` with a ``limit`` costs no more than that many jobs. If False, every call reads all jobs."""
    runtimes: Mapping[str, frozenset[str]] | None = None
    """The available runtime versions, with the Python versions of each: a job or version that requests another is
    refused. None: every job and version runs in the one runtime that there is."""
