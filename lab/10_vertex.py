# %% [markdown] lang="en"
# # 10. Vertex AI: what became of each step
#
# Google shut ML Engine down on January 31, 2025. Its successor, **Vertex AI**, has the same steps under other names:
#
# | in this lab | in Vertex AI |
# | --- | --- |
# | training job | custom job |
# | scale tier | worker pools |
# | model and version | model in the registry, deployed to an endpoint |
# | the ML service account | the service agents of Vertex AI |
# | batch prediction job | batch prediction job |
# | hyperparameters of a training job | hyperparameter tuning job |

# %% [markdown] lang="es"
# # 10. Vertex AI: qué fue de cada paso
#
# Google cerró ML Engine el 31 de enero de 2025. Su sucesor, **Vertex AI**, tiene los mismos pasos con otros nombres:
#
# | en este laboratorio | en Vertex AI |
# | --- | --- |
# | trabajo de entrenamiento | trabajo personalizado (*custom job*) |
# | nivel de escala | grupos de máquinas (*worker pools*) |
# | modelo y versión | modelo del registro, implementado en un extremo (*endpoint*) |
# | la cuenta de servicio de ML | los agentes de servicio de Vertex AI |
# | trabajo de predicción por lotes | trabajo de predicción por lotes |
# | hiperparámetros de un trabajo | trabajo de ajuste de hiperparámetros |

# %%
from cloud.lab import check, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# ## A custom job
#
# The package is the same: you build it yourself, here with `setup.py`, and upload it. Vertex AI has two agents: one
# runs custom jobs, the other reads the files of models. Both get their rights on the bucket by a role.

# %% [markdown] lang="es"
# ## Un trabajo personalizado
#
# El paquete es el mismo: lo construyes tú, aquí con `setup.py`, y lo subes. Vertex AI tiene dos agentes: uno ejecuta
# los trabajos personalizados y el otro lee los archivos de los modelos. Los dos reciben sus permisos sobre el depósito
# mediante un rol.

# %%
# %%writefile taxifare/setup.py
from setuptools import find_packages, setup

setup(name="trainer", version="0.1", packages=find_packages(include=["trainer"]))

# %% tags=["solution"] language="bash"
# set -e
# # → python setup.py sdist, gsutil cp dist/trainer-0.1.tar.gz …, gcloud storage buckets add-iam-policy-binding …
# cd taxifare && python setup.py --quiet sdist
# gsutil cp dist/trainer-0.1.tar.gz gs://${BUCKET}/taxifare/vertex/
# NUMBER=$(gcloud projects describe $PROJECT --format="value(projectNumber)")
# gcloud storage buckets add-iam-policy-binding gs://${BUCKET} \
#     --member=serviceAccount:service-${NUMBER}@gcp-sa-aiplatform-cc.iam.gserviceaccount.com \
#     --role=roles/storage.objectAdmin
# gcloud storage buckets add-iam-policy-binding gs://${BUCKET} \
#     --member=serviceAccount:service-${NUMBER}@gcp-sa-aiplatform.iam.gserviceaccount.com \
#     --role=roles/storage.objectViewer

# %% tags=["solution"]
# → aiplatform = discovery.build("aiplatform", "v1", …), then projects().locations().customJobs().create(…)
import time

from googleapiclient import discovery

endpoint = {"api_endpoint": f"https://{REGION}-aiplatform.googleapis.com"}
locations = discovery.build("aiplatform", "v1", client_options=endpoint).projects().locations()
parent = f"projects/{PROJECT}/locations/{REGION}"
output = f"gs://{BUCKET}/taxifare/vertex/output"
python_package = {
    "executorImageUri": "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-17.py310:latest",
    "packageUris": [f"gs://{BUCKET}/taxifare/vertex/trainer-0.1.tar.gz"],
    "pythonModule": "trainer.task",
    "args": [
        f"--train_data_paths=gs://{BUCKET}/taxifare/smallinput/taxi-train*",
        f"--eval_data_paths=gs://{BUCKET}/taxifare/smallinput/taxi-valid*",
        f"--output_dir={output}",
        "--train_steps=300",
    ],
}
pool = {"machineSpec": {"machineType": "n1-standard-4"}, "replicaCount": 1, "pythonPackageSpec": python_package}
body = {"displayName": "taxifare", "jobSpec": {"workerPoolSpecs": [pool]}}
job = locations.customJobs().create(parent=parent, body=body).execute()
while job["state"] not in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
    time.sleep(1)
    job = locations.customJobs().get(name=job["name"]).execute()
print(job["state"], job.get("error", ""))

# %% [markdown] lang="en"
# ## A model on an endpoint
#
# `upload` puts the export into the registry, an endpoint is an address, `deployModel` brings both together. Each of them
# is a long-running operation.

# %% [markdown] lang="es"
# ## Un modelo en un extremo
#
# `upload` guarda la exportación en el registro, un extremo es una dirección, y `deployModel` los une. Cada uno es una
# operación de larga duración.

# %% tags=["solution"]
# → models().upload, endpoints().create, endpoints().deployModel, endpoints().predict
def done(collection, operation):
    """Wait for a long-running operation on a resource of this collection."""
    while not operation.get("done"):
        time.sleep(0.5)
        operation = collection.operations().get(name=operation["name"]).execute()
    if "error" in operation:
        raise RuntimeError(operation["error"]["message"])
    return operation["response"]


# !gsutil ls {output}/export/exporter | tail -1 > export.txt
with open("export.txt") as file:
    export = file.read().strip()
model = {
    "displayName": "taxifare",
    "artifactUri": export,
    "containerSpec": {"imageUri": "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"},
}
uploaded = done(locations.models(), locations.models().upload(parent=parent, body={"model": model}).execute())
address = done(locations.endpoints(), locations.endpoints().create(parent=parent, body={"displayName": "taxifare"}).execute())
deployed = {
    "deployedModel": {
        "model": uploaded["model"],
        "dedicatedResources": {"machineSpec": {"machineType": "n1-standard-2"}, "minReplicaCount": 1},
    },
    "trafficSplit": {"0": 100},
}
done(locations.endpoints(), locations.endpoints().deployModel(endpoint=address["name"], body=deployed).execute())

# %%
import json

with open("test.json") as file:
    instances = [json.load(file)]
print(locations.endpoints().predict(endpoint=address["name"], body={"instances": instances}).execute())

# %%
check("vertex")
