"""The contract: tests of every sentence of the specification in ``cloud.backends.base``.

A backend's test module subclasses ``BackendContract`` and defines the fixture ``backend``, for the whole session; it
overrides and skips nothing. A backend whose ``abilities`` lack something subclasses ``CoreContract`` and the parts for
the abilities that it has: docs/your-own-backend.md.
"""

try:
    from cloud.testing.contract.abilities import AbilityContract
    from cloud.testing.contract.batch import BatchContract
    from cloud.testing.contract.grants import EnforcedGrantContract
    from cloud.testing.contract.jobs import JobContract, PackageContract
    from cloud.testing.contract.models import ModelContract, VersionContract
    from cloud.testing.contract.predictions import PredictionContract
    from cloud.testing.contract.programs import ProgramContract
    from cloud.testing.contract.storage import BucketContract, GrantContract, ObjectContract
    from cloud.testing.contract.tuning import TuningContract
    from cloud.testing.contract.tuning import TuningJobContract as TuningJobContract  # without programs
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
    """The tests that need no running program."""


class BackendContract(
    CoreContract, ProgramContract, EnforcedGrantContract, PredictionContract, TuningContract, BatchContract
):
    """All tests."""
