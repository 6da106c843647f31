import pytest

from cloud.emulator.aiplatform_v1.unimplemented import instead_of


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("projects.locations.datasets.create", "Run the training without a dataset"),
        ("datasets.create", "Run the training without a dataset"),
        ("projects.locations.tensorboards.experiments.runs.write", "tensorboard --logdir gs://"),
        ("projects.locations.metadataStores.get", "Leave `experiment` out of aiplatform.init"),
        ("projects.locations.endpoints.explain", "attributions"),
        ("projects.locations.endpoints.generateContent", "No model of Google's"),
        ("projects.locations.endpoints.chat.completions", "No model of Google's"),
        ("projects.locations.models.evaluations.slices.list", "Compute the metrics in the job"),
        ("projects.locations.reasoningEngines.query", "No model of Google's"),
        ("media.upload", "No model of Google's"),
    ],
)
def test_what_to_do_instead_is_said_of_every_method(method, said):
    assert said in instead_of(f"aiplatform.{method}")
