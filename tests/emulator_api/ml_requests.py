"""Bodies of requests to ML Engine that nothing is wrong with."""

from cloud.resources import Json


def training_job(job_id: str = "lab", **given: Json) -> Json:
    training_input = {
        "packageUris": ["gs://bucket/trainer-0.0.0.tar.gz"],
        "pythonModule": "trainer.task",
        "region": "us-east1",
    }
    return {"jobId": job_id, "trainingInput": training_input | given}


def version(name: str = "v1", **given: Json) -> Json:
    return {"name": name, "deploymentUri": "gs://bucket/export/", "runtimeVersion": "1.8"} | given
