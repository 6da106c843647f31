"""The contract's part on what a backend declares: it takes the parts that its abilities call for, and no others."""

from cloud.backends.base import Backend
from cloud.testing.contract.base import Contract
from cloud.testing.contract.grants import EnforcedGrantContract
from cloud.testing.contract.predictions import PredictionContract
from cloud.testing.contract.programs import ProgramContract
from cloud.testing.contract.runtimes import RuntimeContract


class AbilityContract(Contract):
    async def test_what_is_declared_is_shown(self, backend: Backend) -> None:
        abilities = backend.abilities
        assert isinstance(self, ProgramContract) == abilities.runs_programs
        assert isinstance(self, PredictionContract) == abilities.runs_programs
        assert isinstance(self, EnforcedGrantContract) == abilities.enforces_grants
        assert isinstance(self, RuntimeContract) == bool(abilities.runtimes)
