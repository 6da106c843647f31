# %% [markdown] lang="en"
# # 6. More data, more machines
#
# The same package on a hundred times the data. One machine would take long, so the job asks for several: its **scale
# tier**. `BASIC` is one machine; `STANDARD_1` is a master, four workers and three parameter servers; with `CUSTOM` you
# choose. The service starts the module on each machine and tells it, in the variable `TF_CONFIG`, who the others are.

# %% [markdown] lang="es"
# # 6. Más datos, más máquinas
#
# El mismo paquete con cien veces más datos. Una sola máquina tardaría mucho, así que el trabajo pide varias: es su
# **nivel de escala** (*scale tier*). `BASIC` es una máquina; `STANDARD_1` son una principal, cuatro trabajadoras y tres
# servidores de parámetros; con `CUSTOM` eliges tú. El servicio arranca el módulo en cada máquina y le dice, en la
# variable `TF_CONFIG`, quiénes son las demás.

# %%
from cloud.lab import check, draw_curves, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# ## The data
#
# `ROWS` is small enough for a lesson. The video's run has 1,000,000 rows and 100,000 steps and takes an hour on eight
# machines; on this one, where all machines share a few processors, some minutes. Try it when you have the time.

# %% [markdown] lang="es"
# ## Los datos
#
# `ROWS` es lo bastante pequeño para una clase. La ejecución del vídeo usa 1 000 000 de filas y 100 000 pasos y tarda una
# hora con ocho máquinas; aquí, donde todas las máquinas comparten unos pocos procesadores, unos minutos. Pruébalo cuando
# tengas tiempo.

# %% tags=["solution"] language="bash"
# set -e
# # → python -m trainer.sample_data --rows …, then gsutil -m cp … gs://BUCKET/taxifare/largeinput/
# ROWS=100000
# cd taxifare && python -m trainer.sample_data --rows $ROWS --overwrite ../data/large
# gsutil -m cp ../data/large/*.csv gs://${BUCKET}/taxifare/largeinput/

# %% [markdown] lang="en"
# ## The job
#
# Two machines that train are enough to see what happens. `STANDARD_1` needs no file: write `--scale-tier=STANDARD_1` and
# leave out `--config`.
#
# *You should see* lines of `master-replica-0` and `worker-replica-0` in one log.

# %% [markdown] lang="es"
# ## El trabajo
#
# Dos máquinas que entrenan bastan para ver qué ocurre. `STANDARD_1` no necesita archivo: escribe
# `--scale-tier=STANDARD_1` y quita `--config`.
#
# *Deberías ver* líneas de `master-replica-0` y de `worker-replica-0` en un mismo registro.

# %%
# %%writefile large.yaml
trainingInput:
  scaleTier: CUSTOM
  masterType: standard
  workerType: standard
  workerCount: 1

# %% tags=["solution"] language="bash"
# set -e
# # → gcloud ai-platform jobs submit training ID … --config=large.yaml --stream-logs -- your arguments
# OUTDIR=gs://${BUCKET}/taxifare/largeinput/taxi_trained
# JOBNAME=taxifare_large_$(date -u +%y%m%d_%H%M%S)
# gcloud ai-platform jobs submit training $JOBNAME \
#     --region=$REGION \
#     --module-name=trainer.task \
#     --package-path=${PWD}/taxifare/trainer \
#     --job-dir=$OUTDIR \
#     --staging-bucket=gs://$BUCKET \
#     --config=large.yaml \
#     --stream-logs \
#     -- \
#     --train_data_paths="gs://${BUCKET}/taxifare/largeinput/taxi-train*" \
#     --eval_data_paths="gs://${BUCKET}/taxifare/largeinput/taxi-valid*" \
#     --output_dir=$OUTDIR \
#     --features=raw --train_steps=1000

# %%
draw_curves("rmse", small=f"gs://{BUCKET}/taxifare/smallinput/taxi_trained", large=f"gs://{BUCKET}/taxifare/largeinput/taxi_trained")

# %% [markdown] lang="en"
# The error on data that the model has not seen hardly improves. That is the lesson of the video: more data alone does not
# help a model that cannot use them. What does help comes next.

# %% [markdown] lang="es"
# El error con datos que el modelo no ha visto apenas mejora. Esa es la lección del vídeo: más datos, por sí solos, no
# ayudan a un modelo que no sabe aprovecharlos. Lo que sí ayuda viene a continuación.

# %%
check("larger")
