"""What to do about a module that a job did not find."""

import re
from importlib import metadata

from cloud.engine.runtimes.google_images import FRAMEWORK, distribution_of
from cloud.engine.runtimes.visibility import PRODUCT

_MISSING = re.compile(
    r"^(?:ModuleNotFoundError: No module named '([\w.]+)'"
    # A part of a namespace such as google.cloud, of which other parts are there.
    r"|ImportError: cannot import name '(\w+)' from '([\w.]+)' \(unknown location\))",
    re.MULTILINE,
)


def explain_missing_module(output: str) -> str | None:
    """What to do, if a program's ``output`` ends with a missing module that Google's images hold, or that is installed
    next to this project but is not in the job's runtime; else None. It may take a tenth of a second."""
    errors = list(_MISSING.finditer(output))
    if not errors:
        return None
    module = errors[-1][1] or f"{errors[-1][3]}.{errors[-1][2]}"
    distribution = distribution_of(module)
    if distribution in FRAMEWORK:
        return None
    if distribution:
        mend = "python -m cloud.runtimes add image"
        of = "" if module == distribution else f" (of {distribution})"
        return f"Google's images hold {module}{of}. To have it here, too: {mend}"
    installed = metadata.packages_distributions().get(module.partition(".")[0], [])
    if not installed:
        return None
    if any(name.lower() == PRODUCT for name in installed):
        return f"{module} is a module of this project, which no job sees, as at Google."
    return (
        f"{module} is not in the job's runtime, and Google's images do not hold it, either: declare {installed[0]} in "
        "the requirements of the job's package (install_requires)."
    )
