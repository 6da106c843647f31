"""A program that uses Vertex AI's SDK: ``python aiplatform_steps.py JSON FILE``. It imports nothing of this project.

It is one program because importing the SDK takes ten seconds of a processor. Each step uses environment variables only,
over gRPC, the SDK's default, and over REST; some use ``api_endpoint`` with a local address.
"""

import asyncio
import json
import sys
from pathlib import Path

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from google.cloud.aiplatform import hyperparameter_tuning as hpt
from google.cloud.aiplatform import jobs, training_jobs

TRAINING = "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-17.py310:latest"
SERVING = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"

# The SDK polls every five seconds, and these jobs take one. Nothing else of it is changed.
jobs._JOB_WAIT_TIME = training_jobs._JOB_WAIT_TIME = 0.3


def pools(package: str, module: str, *args: str) -> list[dict]:
    program = {
        "executor_image_uri": TRAINING,
        "package_uris": [package],
        "python_module": module,
        "args": list(args),
        "env": [{"name": "GREETING", "value": "hello"}],
    }
    return [
        {"machine_spec": {"machine_type": "n1-standard-4"}, "replica_count": 1, "python_package_spec": program},
    ]


def custom_job(name: str, bucket: str, package: str) -> dict:
    job = aiplatform.CustomJob(
        display_name=name,
        worker_pool_specs=pools(package, "says.task", "--epochs=1"),
        base_output_dir=f"gs://{bucket}/out",
        labels={"course": "ml"},
    )
    job.run(timeout=600)
    found = {"state": job.state.name, "name": job.resource_name, "labels": job.labels}
    found["listed"] = [one.resource_name for one in aiplatform.CustomJob.list(filter=f'display_name="{name}"')]
    return found


def failed_job(bucket: str, package: str) -> dict:
    job = aiplatform.CustomJob(
        display_name="fails", worker_pool_specs=pools(package, "says.fails"), base_output_dir=f"gs://{bucket}/out"
    )
    try:
        job.run()
    except RuntimeError as error:
        return {"message": str(error), "name": job.resource_name, "deleted": job.delete() is None}
    raise AssertionError("it did not fail")


def tuning(transport: str, bucket: str, package: str) -> dict:
    job = aiplatform.HyperparameterTuningJob(
        display_name=f"tune over {transport}",
        custom_job=aiplatform.CustomJob(
            display_name="trial",
            worker_pool_specs=pools(package, "says.tunes", "--epochs=1"),
            base_output_dir=f"gs://{bucket}/tuned",
        ),
        metric_spec={"loss": "minimize"},
        parameter_spec={
            "rate": hpt.DoubleParameterSpec(min=1e-4, max=0.1, scale="log"),
            "units": hpt.DiscreteParameterSpec(values=[16, 32.5], scale=None),
            "kind": hpt.CategoricalParameterSpec(
                values=["deep"],
                conditional_parameter_spec={
                    "layers": hpt.IntegerParameterSpec(min=2, max=2, scale="linear", parent_values=["deep"])
                },
            ),
        },
        max_trial_count=3,
        parallel_trial_count=2,
        search_algorithm="random",
        labels={"course": "ml"},
    )
    job.run(timeout=600)
    found = {"state": job.state.name, "name": job.resource_name}
    found["trials"] = {
        trial.id: [
            trial.state.name,
            {parameter.parameter_id: parameter.value for parameter in trial.parameters},
            {metric.metric_id: metric.value for metric in trial.final_measurement.metrics},
            trial.final_measurement.step_count,
        ]
        for trial in job.trials
    }
    found["listed"] = [one.resource_name for one in aiplatform.HyperparameterTuningJob.list(filter="labels.course=ml")]
    job.delete()
    found["left"] = len(aiplatform.HyperparameterTuningJob.list())
    return found


def script_in_a_container(script: str) -> dict:
    """The container's command installs the package."""
    job = aiplatform.CustomJob.from_local_script(
        display_name="own",
        script_path=script,
        container_uri="gcr.io/me/mine:1",
        args=["--epochs=2"],
        environment_variables={"GREETING": "hello"},
    )
    job.run()
    return {"state": job.state.name, "name": job.resource_name}


def package_training(bucket: str, package: str) -> aiplatform.Model:
    return aiplatform.CustomPythonPackageTrainingJob(
        display_name="tp",
        python_package_gcs_uri=package,
        python_module_name="exports.task",
        container_uri=TRAINING,
        model_serving_container_image_uri=SERVING,
    ).run(args=["--factor=2"], base_output_dir=f"gs://{bucket}/tp", model_display_name="twice")


def script_training(bucket: str, script: str) -> aiplatform.Model:
    return aiplatform.CustomTrainingJob(
        display_name="ts",
        script_path=script,
        container_uri=TRAINING,
        model_serving_container_image_uri=SERVING,
    ).run(args=["--factor", 3], base_output_dir=f"gs://{bucket}/ts", model_display_name="thrice")


def models(trained: aiplatform.Model) -> dict:
    second = aiplatform.Model.upload(
        display_name="twice",
        artifact_uri=trained.uri,
        serving_container_image_uri=SERVING,
        parent_model=trained.resource_name,
        version_aliases=["again"],
        is_default_version=False,
    )
    found = {"trained": [trained.resource_name, trained.version_id, trained.uri], "second": second.version_id}
    found["versions"] = [
        [version.version_id, sorted(version.version_aliases)] for version in second.versioning_registry.list_versions()
    ]
    found["by alias"] = aiplatform.Model(f"{trained.resource_name}@again").version_id
    copied = trained.copy(destination_location="europe-west4")
    found["copied"] = [copied.location, copied.uri == trained.uri]
    copied.delete()
    prefix = trained.uri.removesuffix("/model/")
    found["exported"] = trained.export_model("custom-trained", f"{prefix}/exports")["artifactOutputUri"]
    second.update(labels={"a": "b"})
    listed = aiplatform.Model.list(filter='display_name="twice" AND labels.a=b', order_by="create_time desc")
    found["listed"] = [model.resource_name for model in listed]
    second.versioning_registry.delete_version("2")
    found["left"] = len(second.versioning_registry.list_versions())
    return found


def raw_prediction_by_hand(name: str, body: bytes) -> list[str]:
    """By the generated client, which the SDK's own ``raw_predict`` does not use."""
    options = {"api_endpoint": "us-central1-aiplatform.googleapis.com"}
    client = aiplatform.gapic.PredictionServiceClient(client_options=options)
    answer = client.raw_predict(endpoint=name, http_body={"data": body, "content_type": "application/json"})
    return [answer.content_type, answer.data.decode()]


def endpoint(transport: str, twice: aiplatform.Model, thrice: aiplatform.Model) -> dict:
    target = aiplatform.Endpoint.create(display_name="e")
    twice.deploy(
        endpoint=target, deployed_model_display_name="two", machine_type="n1-standard-2", traffic_percentage=100
    )
    response = target.predict(instances=[{"x": 4, "y": 1}, {"x": 3, "y": 0}])
    found = {
        "predictions": response.predictions,
        "model": [response.model_resource_name, response.model_version_id],
        "deployed": response.deployed_model_id == target.list_models()[0].id,
    }
    body = b'{"signature_name": "serving_default", "instances": [{"x": 4, "y": 1}]}'
    sent = target.raw_predict(body=body, headers={"Content-Type": "application/json"})
    found["raw"] = [sent.status_code, sent.text, sent.headers["X-Vertex-AI-Deployed-Model-Id"]]
    found["by raw"] = target.predict(instances=[{"x": 4, "y": 1}], use_raw_predict=True).predictions
    if transport == "grpc":  # over REST the SDK predicts neither by the generated client nor asynchronously
        found["raw by hand"] = raw_prediction_by_hand(target.resource_name, body)
        found["async"] = asyncio.run(target.predict_async(instances=[{"x": 4, "y": 1}])).predictions
    try:
        target.predict(instances=[{"x": "no number", "y": 1}])
    except exceptions.BadRequest as error:
        found["wrong"] = error.message
    thrice.deploy(
        endpoint=target, deployed_model_display_name="three", machine_type="n1-standard-2", traffic_percentage=50
    )
    found["split"] = sorted(target.traffic_split.values())
    found["seen"] = sorted({target.predict(instances=[{"x": 4, "y": 1}]).predictions[0] for _ in range(30)})
    (three,) = [model.id for model in target.list_models() if model.display_name == "three"]
    target.update(traffic_split={three: 100})
    found["then"] = target.predict(instances=[{"x": 4, "y": 1}]).predictions
    try:
        target.delete()
    except exceptions.BadRequest as error:
        found["refused"] = error.message
    target.undeploy_all()
    target.delete()
    found["endpoints"] = len(aiplatform.Endpoint.list())
    return found


def refusals(bucket: str, package: str) -> dict:
    found = {}
    for what, call in {
        "quota": lambda: aiplatform.CustomJob(
            display_name="tpu",
            worker_pool_specs=[
                pools(package, "says.task")[0]
                | {
                    "machine_spec": {
                        "machine_type": "cloud-tpu",
                        "accelerator_type": "TPU_V3",
                        "accelerator_count": 8,
                    }
                }
            ],
        ).run(),
        "missing": lambda: aiplatform.Model("999"),
        "not emulated": lambda: aiplatform.TabularDataset.create(display_name="d", gcs_source=f"gs://{bucket}/x.csv"),
    }.items():
        try:
            call()
        except exceptions.GoogleAPICallError as error:
            found[what] = [error.code, error.message]
    return found


def enum_numbers() -> dict:
    """Numbers of the enums whose values the discovery document lists in another order."""
    types = aiplatform.gapic
    kinds = {
        "MachineSpec.acceleratorType": types.AcceleratorType,
        "Scheduling.strategy": types.Scheduling.Strategy,
        "StudySpec.algorithm": types.StudySpec.Algorithm,
        "ExplanationMetadataInputMetadataVisualization.colorMap": (
            aiplatform.explain.ExplanationMetadata.InputMetadata.Visualization.ColorMap
        ),
    }
    return {name: {int(member): member.name for member in kind} for name, kind in kinds.items()}


def flow(transport: str, bucket: str, package: str, script: str, says: str) -> dict:
    found = {"custom job": custom_job(f"over {transport}", bucket, package)}
    found["failed job"] = failed_job(bucket, package)
    found["tuning"] = tuning(transport, bucket, package)
    found["script in a container"] = script_in_a_container(says)
    twice = package_training(bucket, package)
    thrice = script_training(bucket, script)
    found["models"] = models(twice)
    found["endpoint"] = endpoint(transport, twice, thrice)
    found["refusals"] = refusals(bucket, package)
    twice.delete()
    thrice.delete()
    found["left"] = len(aiplatform.Model.list())
    return found


def main(project: str, bucket: str, package: str, script: str, says: str, endpoint_url: str) -> dict:
    found = {}
    for transport, options in {"grpc": {}, "rest": {"api_transport": "rest"}}.items():
        aiplatform.init(project=project, location="us-central1", staging_bucket=f"gs://{bucket}", **options)
        found[transport] = flow(transport, bucket, package, script, says)
    aiplatform.init(
        project=project,
        location="us-central1",
        staging_bucket=f"gs://{bucket}",
        api_endpoint=endpoint_url,
        api_transport="rest",
        credentials=AnonymousCredentials(),
    )
    found["address"] = {"custom job": custom_job("by address", bucket, package)}
    found["address"]["models"] = len(aiplatform.Model.list())
    found["enums"] = enum_numbers()
    return found


if __name__ == "__main__":
    response = main(**json.loads(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps(response), encoding="utf-8")
