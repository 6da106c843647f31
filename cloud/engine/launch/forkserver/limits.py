"""Resource limits. Standard library only."""

import sys
from collections.abc import Mapping


def limit_resources(limits: Mapping[str, int]) -> None:
    """Set resource limits by their names in ``resource``, not above this process's hard limits."""
    if not limits:
        return
    was_loaded = "resource" in sys.modules
    import resource  # only if needed: it is compiled, and would shadow a job's own module of that name

    for name, most in limits.items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (most, most))
    if not was_loaded:
        del sys.modules["resource"]
