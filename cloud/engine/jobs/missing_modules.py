"""What to do about a module that a job did not find."""

import re
from importlib import metadata

from cloud.engine.runtimes.google_images import FRAMEWORK, distribution_of
from cloud.engine.runtimes.visibility import PRODUCT

_MISSING = re.compile(
    r"^(?:ModuleNotFoundError: No module named '([\w.]+)'"
    # A part of a namespace such as google.cloud, of which other parts are there.
    r"|ImportError: cannot import name '(\w+)' from '([\w.]+)' \(unknown location\)"
    # Of pandas, which reads gs:// by it.
    r"|ImportError: (?:Missing optional dependency '|`Import )fsspec\b)",
    re.MULTILINE,
)


def explain_missing_module(output: str, *, is_image: bool = False, holds_packages: bool = True) -> str | None:
    """What to do, if a program's ``output`` ends with a missing module that Google's images hold, or that is installed
    next to this project but is not in the job's runtime; else None. It may take a tenth of a second.

    Args:
        is_image: it ran in an image that was built here.
        holds_packages: that image was made from one that holds what Google's do; those with a Python alone do not.
    """
    errors = list(_MISSING.finditer(output))
    if not errors:
        return None
    module = errors[-1][1] or (f"{errors[-1][3]}.{errors[-1][2]}" if errors[-1][2] else "")
    if not module:
        return f"pandas reads gs:// by gcsfs, which is not in the job's runtime: {_declare('gcsfs', is_image=is_image)}"
    distribution = distribution_of(module)
    if distribution and not holds_packages:
        return f"The image does not hold {module}: {_declare(distribution, is_image=is_image)}"
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
    found = f"{module} is not in the job's runtime"
    if is_image:
        return f"{found}: {_declare(installed[0], is_image=is_image)}"
    return f"{found}, and Google's images do not hold it, either: {_declare(installed[0], is_image=is_image)}"


def _declare(distribution: str, *, is_image: bool) -> str:
    if is_image:
        return f"add `RUN pip install {distribution}` to its Dockerfile."
    return f"declare {distribution} in the requirements of the job's package (install_requires)."
