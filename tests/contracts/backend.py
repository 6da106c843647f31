"""``BackendContract``: every behaviour that every backend has. A backend's test module subclasses it and gives the
fixture ``backend``; it overrides and skips nothing. What a backend cannot do it declares in ``abilities``."""

from contracts.grants import EnforcedGrantContract
from contracts.jobs import JobContract, PackageContract
from contracts.models import ModelContract, PredictionContract
from contracts.storage import BucketContract, GrantContract, ObjectContract


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
