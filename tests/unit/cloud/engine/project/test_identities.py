import pytest

from cloud.engine.principal import Principal
from cloud.engine.project import identities
from cloud.engine.runtimes.python_code import MODULE
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec, VersionSpec

PROJECT = "my-project"
OWN = "trainer-1@my-project.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("service", "given", "account"),
    [
        (Service.ML_ENGINE, "", identities.ml_service_account(PROJECT)),
        (Service.VERTEX_AI, "", identities.custom_code_agent(PROJECT)),
        (Service.ML_ENGINE, OWN, Principal(OWN)),
        (Service.VERTEX_AI, OWN, Principal(OWN)),
    ],
)
def test_a_job_runs_as_its_own_account_or_the_agent_of_its_service(service, given, account):
    job_id = "1" if service is Service.VERTEX_AI else "one"
    spec = TrainingSpec(job_id, (GsUri("bucket", "a.whl"),), MODULE, service=service, service_account=given)
    assert identities.job_account(PROJECT, spec) == account


@pytest.mark.parametrize(
    ("image", "agent"),
    [
        (None, identities.ml_service_account(PROJECT)),
        ("us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest", identities.vertex_service_agent(PROJECT)),
    ],
)
def test_a_version_is_read_by_the_agent_of_its_service(image, agent):
    spec = VersionSpec("m", "v", GsUri("bucket", "model"), image=image)
    assert identities.version_account(PROJECT, spec) == agent
