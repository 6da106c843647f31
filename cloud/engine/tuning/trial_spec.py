"""The training job that a trial is. Pure.

Sources: "using hyperparameter tuning" of AI Platform Training's and of Vertex AI's documentation.
"""

from collections.abc import Mapping
from dataclasses import replace

from cloud.resources import Service, TrainingSpec
from cloud.resources.trials import Value, as_text
from cloud.resources.tuning import TuningSpec


def trial_spec(spec: TuningSpec, trial_id: str, parameters: Mapping[str, Value]) -> TrainingSpec:
    """The job's training job with the trial's values as arguments, and folders of its own.

    ML Engine appends only to the job dir, before which the values stand; on Vertex AI the folders that the ``AIP_``
    variables name are the trial's.
    """
    training = spec.training
    if not spec.reaches_program:
        parameters = {}
    if training.service is Service.VERTEX_AI:
        given = tuple(f"--{name}={as_text(value)}" for name, value in parameters.items())
        base = training.base_output_directory
        return replace(
            training,
            args=(*training.args, *given),
            programs=tuple(replace(pool, args=(*pool.args, *given)) for pool in training.programs),
            base_output_directory=base and base / trial_id,
        )
    given = tuple(item for name, value in parameters.items() for item in (f"--{name}", as_text(value)))
    return replace(
        training,
        args=(*training.args, *given),
        job_dir=training.job_dir and training.job_dir / trial_id,
        # Only where the backend gives jobs of ML Engine variables at all.
        base_output_directory=training.base_output_directory and training.base_output_directory / trial_id,
    )
