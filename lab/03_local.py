# %% [markdown] lang="en"
# # 3. On this machine first
#
# A job in the cloud takes minutes to start and costs money. So try the package here, in three ways, each nearer to how
# the service runs it: as a module, through the exported model, and by `gcloud ai-platform local train`.
#
# The video says `gcloud ml-engine`. The service was renamed; `gcloud ai-platform` is the same command, and newer
# versions of gcloud know no other.

# %% [markdown] lang="es"
# # 3. Primero, en esta máquina
#
# Un trabajo en la nube tarda minutos en arrancar y cuesta dinero. Por eso conviene probar antes el paquete aquí, de tres
# maneras, cada una más parecida a como lo ejecuta el servicio: como módulo, a través del modelo exportado y con
# `gcloud ai-platform local train`.
#
# El vídeo dice `gcloud ml-engine`. El servicio cambió de nombre: `gcloud ai-platform` es el mismo comando, y las
# versiones nuevas de gcloud ya no conocen el otro.

# %%
from cloud.lab import check, draw_curves, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# ## Run it as a module
#
# `PYTHONPATH` tells Python where the package is; ten steps are enough to see whether everything fits. Remove an old
# output folder first: the trainer would go on where it stopped. `--features=raw` takes the five columns as they are, as the
# video's model does; what more can be made of them comes in chapter 7.
#
# *You should see* a folder with a number for a name under `export/exporter`: the exported model. The number is the time
# in seconds.

# %% [markdown] lang="es"
# ## Ejecútalo como módulo
#
# `PYTHONPATH` dice a Python dónde está el paquete; diez pasos bastan para ver si todo encaja. Borra antes la carpeta de
# salida anterior: el entrenador continuaría desde su último punto de control. Con `--features=raw` el modelo toma las cinco
# columnas tal cual, como el del vídeo; lo que se les puede sacar de más se ve en el capítulo 7.
#
# *Deberías ver*, en `export/exporter`, una carpeta cuyo nombre es un número: el modelo exportado. El número es la hora,
# en segundos.

# %% tags=["solution"] language="bash"
# set -e
# # → rm -rf taxi_trained, export PYTHONPATH=…, python -m trainer.task … --features=raw --train_steps=10
# rm -rf taxi_trained
# export PYTHONPATH=${PYTHONPATH}:${PWD}/taxifare
# python -m trainer.task \
#     --train_data_paths="${PWD}/data/taxi-train*" \
#     --eval_data_paths=${PWD}/data/taxi-valid.csv \
#     --output_dir=${PWD}/taxi_trained \
#     --features=raw --train_steps=10 --job-dir=./tmp
# ls taxi_trained/export/exporter

# %%
check("run_module")

# %% [markdown] lang="en"
# ## Ask the exported model
#
# An instance is a line of JSON with the inputs of the model's signature, by their names.

# %% [markdown] lang="es"
# ## Pregunta al modelo exportado
#
# Una instancia es una línea de JSON con las entradas de la firma del modelo, por su nombre.

# %%
# %%writefile test.json
{"pickuplon": -73.885262, "pickuplat": 40.773008, "dropofflon": -73.987232, "dropofflat": 40.732403, "passengers": 2}

# %% [markdown] lang="en"
# `gcloud ai-platform local predict` runs models of TensorFlow 1 only. This cloud brings a command with the same flags
# that runs those of TensorFlow 2, too.
#
# *You should see* `PREDICTIONS` and a number, the fare in dollars. After ten steps it is not a good one.

# %% [markdown] lang="es"
# `gcloud ai-platform local predict` solo ejecuta modelos de TensorFlow 1. Esta nube trae un comando con las mismas
# opciones que ejecuta también los de TensorFlow 2.
#
# *Deberías ver* `PREDICTIONS` y un número, la tarifa en dólares. Después de diez pasos todavía no es buena.

# %% tags=["solution"] language="bash"
# set -e
# # → python -m cloud.local_predict --model-dir … --json-instances test.json
# model_dir=$(ls ${PWD}/taxi_trained/export/exporter | tail -1)
# python -m cloud.local_predict \
#     --model-dir=${PWD}/taxi_trained/export/exporter/${model_dir} \
#     --json-instances=test.json

# %%
check("local_predict")

# %% [markdown] lang="en"
# ## Run it as the service does
#
# `gcloud ai-platform local train` sets the variables that the service sets, and starts the module as the service does.
# Your own arguments come after `--`: without it gcloud takes them for its own and refuses them.

# %% [markdown] lang="es"
# ## Ejecútalo como lo hace el servicio
#
# `gcloud ai-platform local train` define las variables que define el servicio y arranca el módulo igual que él. Tus
# propios argumentos van después de `--`: sin esos guiones, gcloud los toma por suyos y los rechaza.

# %% tags=["solution"] language="bash"
# set -e
# # → gcloud ai-platform local train --module-name=… --package-path=… -- your arguments, with --features=raw --train_steps=1000
# rm -rf taxi_trained
# gcloud ai-platform local train \
#     --module-name=trainer.task \
#     --package-path=${PWD}/taxifare/trainer \
#     -- \
#     --train_data_paths=${PWD}/data/taxi-train.csv \
#     --eval_data_paths=${PWD}/data/taxi-valid.csv \
#     --features=raw --train_steps=1000 \
#     --output_dir=${PWD}/taxi_trained

# %%
check("local_train")

# %% [markdown] lang="en"
# ## Watch the loss
#
# While it trains, the trainer writes summaries. **TensorBoard** draws them: `tensorboard --logdir taxi_trained` in a
# terminal (menu *File*, *New*, *Terminal*), and for jobs the page *TensorBoard* of the console. The same numbers, drawn
# here:
#
# *You should see* a loss that falls steeply and then slowly.

# %% [markdown] lang="es"
# ## Observa la pérdida
#
# Mientras entrena, el entrenador escribe resúmenes. **TensorBoard** los dibuja: `tensorboard --logdir taxi_trained` en una
# terminal (menú *Archivo*, *Nuevo*, *Terminal*) y, para los trabajos, la página *TensorBoard* de la consola. Aquí están
# dibujados los mismos números:
#
# *Deberías ver* una pérdida que baja deprisa al principio y despacio después.

# %%
draw_curves("loss", local="taxi_trained")

# %%
check("tensorboard")
