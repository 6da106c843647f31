"""``BackendContract``: every behaviour that every backend has. A backend's test module subclasses it and gives the
fixture ``backend``; it overrides and skips nothing. What a backend cannot do it declares in ``abilities``."""

from cloud.testing.contract.grants import EnforcedGrantContract
from cloud.testing.contract.jobs import JobContract, PackageContract
from cloud.testing.contract.models import ModelContract, PredictionContract
from cloud.testing.contract.storage import BucketContract, GrantContract, ObjectContract


class BackendContract(
    BucketContract,
    ObjectContract,
    GrantContract,
    EnforcedGrantContract,
    PackageContract,
    JobContract,
    ModelContract,
    PredictionContract,
):
    pass
