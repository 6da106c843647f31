# %% [markdown] lang="en"
# # 4. The training job
#
# Now the same package, unchanged, on Cloud ML Engine. Only the paths differ: they begin with `gs://`.

# %% [markdown] lang="es"
# # 4. El trabajo de entrenamiento
#
# Ahora, el mismo paquete, sin cambiar nada, en Cloud ML Engine. Solo cambian las rutas: empiezan por `gs://`.

# %%
from cloud.lab import check, draw_curves, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# ## Upload the data
#
# `-m` copies several files at a time. The lab first empties the folder: where there is nothing, `gsutil rm` says so and
# ends with status 1, which `|| true` ignores.
#
# *You should see* `Operation completed over 2 objects`.

# %% [markdown] lang="es"
# ## Sube los datos
#
# `-m` copia varios archivos a la vez. El laboratorio vacía antes la carpeta: si no hay nada, `gsutil rm` lo dice y
# termina con el código 1, que `|| true` ignora.
#
# *Deberías ver* `Operation completed over 2 objects`.

# %% tags=["solution"] language="bash"
# set -e
# # → gsutil -m cp data/*.csv gs://BUCKET/taxifare/smallinput/
# gsutil -m rm -rf gs://${BUCKET}/taxifare/smallinput/ || true
# gsutil -m cp ${PWD}/data/*.csv gs://${BUCKET}/taxifare/smallinput/

# %%
check("upload")

# %% [markdown] lang="en"
# ## Submit the job
#
# `gcloud` packs the folder, uploads the archive to the staging bucket and asks the service for a job. Its id must begin
# with a letter and can be used only once: the time makes it unique. What comes after `--` goes to `task.py`; everything
# it reads or writes is in the bucket.
#
# At Google you also name a runtime, as in the video, with `--runtime-version` and `--python-version`. Here a job without
# them gets the TensorFlow that is installed.
#
# *You should see* `jobId: taxifare_…` and `state: QUEUED`.

# %% [markdown] lang="es"
# ## Envía el trabajo
#
# `gcloud` empaqueta la carpeta, sube el archivo al depósito temporal (*staging*) y pide un trabajo al servicio. Su id
# debe empezar por una letra y solo puede usarse una vez: la hora lo hace único. Lo que va después de `--` llega a
# `task.py`; todo lo que lee o escribe está en el depósito.
#
# En Google indicas además un entorno de ejecución, como en el vídeo, con `--runtime-version` y `--python-version`. Aquí,
# un trabajo sin ellos recibe el TensorFlow que está instalado.
#
# *Deberías ver* `jobId: taxifare_…` y `state: QUEUED`.

# %% tags=["solution"] language="bash"
# set -e
# # → gcloud ai-platform jobs submit training ID --region=… --module-name=… --package-path=… --job-dir=… --staging-bucket=…
# # → --scale-tier=BASIC -- your arguments
# OUTDIR=gs://${BUCKET}/taxifare/smallinput/taxi_trained
# JOBNAME=taxifare_$(date -u +%y%m%d_%H%M%S)
# echo $OUTDIR $REGION $JOBNAME
# gcloud ai-platform jobs submit training $JOBNAME \
#     --region=$REGION \
#     --module-name=trainer.task \
#     --package-path=${PWD}/taxifare/trainer \
#     --job-dir=$OUTDIR \
#     --staging-bucket=gs://$BUCKET \
#     --scale-tier=BASIC \
#     -- \
#     --train_data_paths="gs://${BUCKET}/taxifare/smallinput/taxi-train*" \
#     --eval_data_paths="gs://${BUCKET}/taxifare/smallinput/taxi-valid*" \
#     --output_dir=$OUTDIR \
#     --features=raw --train_steps=1000
# echo $JOBNAME > job.txt

# %%
check("submit")

# %% [markdown] lang="en"
# ## Watch it
#
# The list shows all jobs, `stream-logs` follows the log of one until its end. At Google a job starts after some
# minutes; here, at once. The console (`python -m cloud.serve console` prints its address) has the same log and the curve.
#
# *You should see* the job's lines, at the end `Job completed successfully.`, and then the exported model in the bucket.

# %% [markdown] lang="es"
# ## Vigílalo
#
# La lista muestra todos los trabajos; `stream-logs` sigue el registro de uno hasta el final. En Google un trabajo tarda
# unos minutos en arrancar; aquí arranca al momento. La consola (`python -m cloud.serve console` escribe su dirección)
# muestra el mismo registro y la curva.
#
# *Deberías ver* las líneas del trabajo, al final `Job completed successfully.`, y después el modelo exportado en el
# depósito.

# %% tags=["solution"] language="bash"
# set -e
# # → gcloud ai-platform jobs list, then stream-logs and describe of the job in job.txt
# gcloud ai-platform jobs list
# gcloud ai-platform jobs stream-logs $(cat job.txt)
# gcloud ai-platform jobs describe $(cat job.txt)
# gsutil ls gs://${BUCKET}/taxifare/smallinput/taxi_trained/export/exporter

# %%
draw_curves("loss", local="taxi_trained", cloud=f"gs://{BUCKET}/taxifare/smallinput/taxi_trained")

# %%
check("watch")
