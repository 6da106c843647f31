"""What a user can do about a step that failed. Pure."""

import re

_BY_STEP = {
    "bucket": "choose another name with --bucket.",
    "data": "check --data-dir, or leave it out to use sample data.",
    "package": "check --package-path: it names the folder that holds __init__.py.",
    "train": "read the job's log above: its last lines say where the trainer stopped, and the mend where it is known.",
    "deploy": "check that the trainer exports a SavedModel with a serving signature below {output}.",
    "predict": "compare the instances with the inputs of the model's signature; --json-instances has one JSON instance "
    "a line.",
}
_BY_LINE = (
    # What parsers of arguments (argparse, absl, click) print.
    (
        re.compile(r"\b(unrecognized|unknown|unexpected|no such option)\b.*\bjob-dir\b", re.IGNORECASE),
        "this trainer takes no --job-dir: say --no-job-dir, and give {output} to the argument it takes.",
    ),
)


def advice_on(step: str) -> str:
    """What to do if ``step`` fails."""
    return _BY_STEP.get(step, "the message above says what is wrong.")


def advice_on_line(line: str) -> str | None:
    """What to do if a job fails that wrote ``line`` to its log; None if the line says nothing of that kind."""
    return next((advice for pattern, advice in _BY_LINE if pattern.search(line)), None)
