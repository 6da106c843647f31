"""Google's clients with models of scikit-learn and XGBoost: ``python frameworks_steps.py STEP JSON``."""

import json
import sys
import time


def ml_engine(project: str, model: str, folder: str, framework: str | None, rows: list) -> dict:
    from googleapiclient import discovery

    api = discovery.build("ml", "v1").projects()
    parent = f"projects/{project}"
    api.models().create(parent=parent, body={"name": model}).execute()
    body = {"name": "v1", "deploymentUri": folder, "runtimeVersion": "2.11", "pythonVersion": "3.7"}
    if framework:
        body["framework"] = framework
    operation = api.models().versions().create(parent=f"{parent}/models/{model}", body=body).execute()
    while not operation.get("done"):
        time.sleep(0.1)
        operation = api.operations().get(name=operation["name"]).execute()
    name = f"{parent}/models/{model}"
    return {
        "framework": operation["response"]["framework"],
        **api.predict(name=name, body={"instances": rows}).execute(),
        "misfit": api.predict(name=name, body={"instances": [1.0]}).execute()["error"],
    }


def vertex_ai(project: str, folder: str, image: str, rows: list) -> dict:
    from google.api_core.exceptions import BadRequest
    from google.cloud import aiplatform

    aiplatform.init(project=project, location="us-central1", api_transport="rest")
    model = aiplatform.Model.upload(
        display_name="flowers", artifact_uri=folder, serving_container_image_uri=image, sync=True
    )
    endpoint = model.deploy(machine_type="n1-standard-2")
    try:
        endpoint.predict([1.0])
    except BadRequest as error:
        misfit = error.message
    try:
        endpoint.predict(rows, parameters={"a": 1})
    except BadRequest as error:
        parameters = error.message
    raw = endpoint.raw_predict(json.dumps({"instances": rows}).encode(), {"Content-Type": "application/json"})
    return {
        "predictions": endpoint.predict(rows).predictions,
        "raw": raw.json(),
        "misfit": misfit,
        "parameters": parameters,
    }


if __name__ == "__main__":
    steps = {"ml_engine": ml_engine, "vertex_ai": vertex_ai}
    print(json.dumps(steps[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201
