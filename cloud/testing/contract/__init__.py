"""The contract: what every backend does, as tests. They check the sentences of ``cloud.backends.base``.

A backend's test module subclasses ``BackendContract`` and gives the fixture ``backend``, for the whole session; it
overrides and skips nothing. A backend that declares in its ``abilities`` that it cannot do something takes
``CoreContract`` and, one by one, the parts for what it can: docs/your-own-backend.md.
"""

try:
    from cloud.testing.contract.abilities import AbilityContract
    from cloud.testing.contract.grants import EnforcedGrantContract
    from cloud.testing.contract.jobs import JobContract, PackageContract
    from cloud.testing.contract.models import ModelContract, VersionContract
    from cloud.testing.contract.predictions import PredictionContract
    from cloud.testing.contract.programs import ProgramContract
    from cloud.testing.contract.storage import BucketContract, GrantContract, ObjectContract
except ModuleNotFoundError as error:
    if error.name not in ("pytest", "pytest_asyncio"):
        raise
    needs = f"cloud.testing.contract needs {error.name}: pip install 'offline-ml-cloud[testing]'"
    raise ModuleNotFoundError(needs, name=error.name) from error


class CoreContract(
    AbilityContract,
    BucketContract,
    ObjectContract,
    GrantContract,
    PackageContract,
    JobContract,
    ModelContract,
    VersionContract,
):
    """What can be shown without running a program."""


class BackendContract(CoreContract, ProgramContract, EnforcedGrantContract, PredictionContract):
    """All of it."""
