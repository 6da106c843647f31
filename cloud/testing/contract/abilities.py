"""The contract's part on abilities: a backend's tests include the parts for its abilities, and no others."""

from cloud.backends.base import Backend
from cloud.testing.contract.base import Contract
from cloud.testing.contract.batch import BatchContract
from cloud.testing.contract.grants import EnforcedGrantContract
from cloud.testing.contract.predictions import PredictionContract
from cloud.testing.contract.programs import ProgramContract
from cloud.testing.contract.runtimes import RuntimeContract
from cloud.testing.contract.tuning import TuningContract, TuningJobContract


class AbilityContract(Contract):
    async def test_the_tests_match_the_abilities(self, backend: Backend) -> None:
        abilities = backend.abilities
        assert isinstance(self, ProgramContract) == abilities.runs_programs
        assert isinstance(self, PredictionContract) == abilities.runs_programs
        assert isinstance(self, EnforcedGrantContract) == abilities.enforces_grants
        assert isinstance(self, TuningJobContract) == abilities.tunes
        assert isinstance(self, TuningContract) == (abilities.runs_programs and abilities.tunes)
        assert isinstance(self, BatchContract) == (abilities.runs_programs and abilities.predicts_in_batches)
        assert isinstance(self, RuntimeContract) == bool(abilities.runtimes)
