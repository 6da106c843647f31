"""A program that predicts in batches by Google's clients: ``python batch_prediction_steps.py JSON FILE``.

It imports nothing of this project. It is one program because importing the SDK takes ten seconds of a processor.
"""

import json
import sys
import time
from pathlib import Path

from google.cloud import aiplatform, storage
from google.cloud.aiplatform import jobs as sdk_jobs
from googleapiclient import discovery

sdk_jobs._JOB_WAIT_TIME = 0.2
SERVING_IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"


def ml_engine(project: str, bucket: str) -> dict:
    """As Google's page "Getting batch predictions" has it."""
    ml = discovery.build("ml", "v1", cache_discovery=False)
    parent = f"projects/{project}"
    body = {
        "jobId": "batch_by_hand",
        "labels": {"owner": "me"},
        "predictionInput": {
            "dataFormat": "JSON",
            "inputPaths": [f"gs://{bucket}/in.jsonl"],
            "outputPath": f"gs://{bucket}/ml",
            "region": "us-central1",
            "maxWorkerCount": 4,
            "versionName": f"{parent}/models/double/versions/v1",
        },
    }
    found = {"created": ml.projects().jobs().create(parent=parent, body=body).execute()}
    while True:
        job = ml.projects().jobs().get(name=f"{parent}/jobs/batch_by_hand").execute()
        if job["state"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            break
        time.sleep(0.2)
    return found | {"done": job, "files": contents(bucket, "ml")}


def contents(bucket: str, prefix: str) -> dict[str, str]:
    blobs = storage.Client().list_blobs(bucket, prefix=f"{prefix}/")
    return {blob.name.rpartition("/")[2]: blob.download_as_bytes().decode() for blob in blobs}


def sdk(bucket: str, name: str) -> dict:
    model = aiplatform.Model.upload(
        display_name=name, artifact_uri=f"gs://{bucket}/model", serving_container_image_uri=SERVING_IMAGE
    )
    job = model.batch_predict(
        job_display_name=f"{name} batch",
        gcs_source=f"gs://{bucket}/in.jsonl",
        gcs_destination_prefix=f"gs://{bucket}/{name}",
        instances_format="jsonl",
        predictions_format="jsonl",
        machine_type="n1-standard-4",
        starting_replica_count=1,
        max_replica_count=1,
        batch_size=2,
        labels={"a": "b"},
    )
    found = {
        "state": job.state.name,
        "stats": [job.completion_stats.successful_count, job.completion_stats.failed_count],
        "folder": job.output_info.gcs_output_directory,
        "files": {blob.name.rpartition("/")[2]: blob.download_as_bytes().decode() for blob in job.iter_outputs()},
        "listed": len(aiplatform.BatchPredictionJob.list(filter=f'display_name="{name} batch"')),
    }
    failed = model.batch_predict(
        job_display_name="failed",
        gcs_source=f"gs://{bucket}/bad.jsonl",
        gcs_destination_prefix=f"gs://{bucket}/{name}-bad",
        machine_type="n1-standard-4",
        sync=False,
    )
    try:
        failed.wait()
    except RuntimeError as error:
        found["failed"] = str(error)
    found["gapic"] = gapic(bucket, name, model)
    job.delete()
    model.delete()
    found["left"] = [one.display_name for one in aiplatform.BatchPredictionJob.list() if one.name == job.name]
    return found


def gapic(bucket: str, name: str, model: aiplatform.Model) -> dict:
    """What the SDK's own method has no argument for."""
    options = {"api_endpoint": "us-central1-aiplatform.googleapis.com"}
    jobs = aiplatform.gapic.JobServiceClient(client_options=options)
    types = aiplatform.gapic
    job = types.BatchPredictionJob(
        display_name="keyed",
        model=model.versioned_resource_name,
        input_config=types.BatchPredictionJob.InputConfig(
            instances_format="jsonl", gcs_source=types.GcsSource(uris=[f"gs://{bucket}/keyed*"])
        ),
        output_config=types.BatchPredictionJob.OutputConfig(
            predictions_format="jsonl",
            gcs_destination=types.GcsDestination(output_uri_prefix=f"gs://{bucket}/{name}-keyed"),
        ),
        instance_config=types.BatchPredictionJob.InstanceConfig(key_field="id", excluded_fields=["note"]),
        dedicated_resources=types.BatchDedicatedResources(
            machine_spec=types.MachineSpec(machine_type="n1-standard-2"), starting_replica_count=1
        ),
    )
    made = jobs.create_batch_prediction_job(
        parent=model.resource_name.partition("/models/")[0], batch_prediction_job=job
    )
    while (found := jobs.get_batch_prediction_job(name=made.name)).end_time is None:
        time.sleep(0.2)
    folder = found.output_info.gcs_output_directory.removeprefix(f"gs://{bucket}/")
    return {"state": found.state.name, "version": found.model_version_id, "files": contents(bucket, folder)}


def main(project: str, bucket: str) -> dict:
    found = {"ml engine": ml_engine(project, bucket)}
    for transport, options in {"grpc": {}, "rest": {"api_transport": "rest"}}.items():
        aiplatform.init(project=project, location="us-central1", staging_bucket=f"gs://{bucket}", **options)
        found[transport] = sdk(bucket, transport)
    return found


if __name__ == "__main__":
    response = main(**json.loads(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps(response), encoding="utf-8")
