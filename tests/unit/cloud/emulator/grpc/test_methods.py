"""What is shipped is what Google's own client libraries say."""

import pytest

from cloud.emulator.grpc.methods import find, pool


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_messages_are_those_of_googles_client(version):
    types = pytest.importorskip(f"google.cloud.aiplatform_{version}.types")
    for name in ("CustomJob", "Endpoint", "Model", "PredictRequest", "TrainingPipeline", "DeployModelRequest"):
        ours = pool().FindMessageTypeByName(f"google.cloud.aiplatform.{version}.{name}")
        theirs = getattr(types, name).pb().DESCRIPTOR
        assert {(f.name, f.number, f.type) for f in ours.fields} <= {(f.name, f.number, f.type) for f in theirs.fields}


def test_a_method_has_its_messages_and_its_place_in_rest():
    method = find("/google.cloud.aiplatform.v1.JobService/CreateCustomJob")
    assert method is not None
    assert method.request.DESCRIPTOR.full_name == "google.cloud.aiplatform.v1.CreateCustomJobRequest"
    assert (method.rules[0].verb, method.rules[0].body) == ("post", "custom_job")


def test_an_unknown_method_is_none():
    assert find("/google.cloud.aiplatform.v1.JobService/Nothing") is None
    assert find("") is None
