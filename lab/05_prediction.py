# %% [markdown] lang="en"
# # 5. Deploy the model, and ask it
#
# A model that nobody can ask is of no use. ML Engine serves it: a **model** is a name, and its **versions** are exported
# models. Programs ask for the name; which version answers, you can change without telling them.

# %% [markdown] lang="es"
# # 5. Implementa el modelo y pregúntale
#
# Un modelo al que nadie puede preguntar no sirve de nada. ML Engine lo pone en servicio: un **modelo** es un nombre, y
# sus **versiones** son modelos exportados. Los programas preguntan por el nombre; qué versión responde lo puedes cambiar
# sin avisarles.

# %%
from cloud.lab import check, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# ## Deploy
#
# `gsutil ls` lists the exports by their time, `tail -1` takes the newest. Its folder has a `saved_model.pb`; the folder
# above it has none, and is the usual mistake here.
#
# *You should see* `Created ai platform model`, and `Creating version … done.`

# %% [markdown] lang="es"
# ## Implementación
#
# `gsutil ls` lista las exportaciones por su hora y `tail -1` toma la más reciente. Su carpeta contiene un
# `saved_model.pb`; la carpeta superior no, y ese es el error habitual.
#
# *Deberías ver* `Created ai platform model` y `Creating version … done.`

# %% tags=["solution"] language="bash"
# set -e
# # → MODEL_LOCATION=$(gsutil ls … | tail -1), then models create and versions create
# MODEL_NAME=taxifare
# MODEL_VERSION=v1
# MODEL_LOCATION=$(gsutil ls gs://${BUCKET}/taxifare/smallinput/taxi_trained/export/exporter | tail -1)
# echo "Deploying $MODEL_NAME $MODEL_VERSION from $MODEL_LOCATION"
# gcloud ai-platform models create ${MODEL_NAME} --regions $REGION
# gcloud ai-platform versions create ${MODEL_VERSION} --region=global --model ${MODEL_NAME} \
#     --origin ${MODEL_LOCATION}

# %%
check("deploy")

# %% [markdown] lang="en"
# ## From the command line

# %% [markdown] lang="es"
# ## Desde la línea de comandos

# %% tags=["solution"] language="bash"
# set -e
# # → gcloud ai-platform predict --region=global --model=… --version=… --json-instances=…
# gcloud ai-platform predict --region=global --model=taxifare --version=v1 --json-instances=./test.json

# %% [markdown] lang="en"
# ## From a program
#
# The client library is Google's own, unchanged. The answer must be the same: it is the same model.

# %% [markdown] lang="es"
# ## Desde un programa
#
# La biblioteca cliente es la de Google, sin cambios. La respuesta debe ser la misma, porque el modelo es el mismo.

# %% tags=["solution"]
# → discovery.build("ml", "v1"), then projects().predict(name=…, body=…).execute()
import json

from googleapiclient import discovery

with open("test.json") as file:
    instance = json.load(file)
api = discovery.build("ml", "v1")
parent = f"projects/{PROJECT}/models/taxifare/versions/v1"
response = api.projects().predict(name=parent, body={"instances": [instance]}).execute()
print(response)

# %%
check("predict")
