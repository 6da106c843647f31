"""Resource limits. Standard library only."""

import sys
from collections.abc import Mapping

_was_loaded = "resource" in sys.modules
import resource  # noqa: E402 - the line above has to come first

if not _was_loaded:
    del sys.modules["resource"]  # it is compiled: loaded, it would shadow a job's own module of that name


def limit_resources(limits: Mapping[str, int]) -> None:
    """Set resource limits by their names in ``resource``, not above this process's hard limits."""
    for name, most in limits.items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (most, most))
