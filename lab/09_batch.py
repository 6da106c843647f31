# %% [markdown] lang="en"
# # 9. Many predictions at once: batch prediction
#
# A program that needs one fare asks the deployed version. Whoever needs a million, tonight, asks for a **batch prediction
# job**: it reads instances from files in the bucket and writes predictions beside them, and nothing has to be kept
# running.

# %% [markdown] lang="es"
# # 9. Muchas predicciones a la vez: predicción por lotes
#
# Un programa que necesita una tarifa se la pide a la versión implementada. Quien necesita un millón, esta noche, pide un
# **trabajo de predicción por lotes**: lee instancias de archivos del depósito y escribe al lado las predicciones, sin
# que haya que mantener nada en marcha.

# %%
from cloud.lab import check, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# Make a file with an instance a line from the evaluation data, and upload it.

# %% [markdown] lang="es"
# Prepara un archivo con una instancia por línea a partir de los datos de evaluación, y súbelo.

# %%
import csv
import json

NAMES = ["pickuplon", "pickuplat", "dropofflon", "dropofflat", "passengers"]
with open("data/taxi-valid.csv") as rows, open("instances.json", "w") as file:
    for row in csv.reader(rows):
        print(json.dumps(dict(zip(NAMES, map(float, row[1:6])))), file=file)

# %% tags=["solution"] language="bash"
# set -e
# # → gsutil cp instances.json …, then gcloud ai-platform jobs submit prediction ID --model=… --data-format=text …
# JOBNAME=taxifare_batch_$(date -u +%y%m%d_%H%M%S)
# gsutil cp instances.json gs://${BUCKET}/taxifare/batch/instances.json
# gcloud ai-platform jobs submit prediction $JOBNAME \
#     --model=taxifare --version=v1 \
#     --region=$REGION --data-format=text \
#     --input-paths="gs://${BUCKET}/taxifare/batch/instances.json" \
#     --output-path=gs://${BUCKET}/taxifare/batch/predictions
# gcloud ai-platform jobs stream-logs $JOBNAME
# gsutil ls gs://${BUCKET}/taxifare/batch/predictions
# gsutil cat "gs://${BUCKET}/taxifare/batch/predictions/prediction.results*" | head -3

# %%
check("batch")
