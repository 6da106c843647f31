# %% [markdown] lang="en"
# # 1. The project, the bucket, and who may use it
#
# In this lab you take a model of taxi fares in New York from a notebook to Google Cloud: you turn it into a Python
# package, try it on this machine, train it on Cloud ML Engine with data in a bucket, watch the job, deploy the model
# and ask it for predictions. The cloud runs on your own machine: it costs nothing, needs no account and no network,
# and the commands are those you would type at Google.
#
# ![The way of the model](pictures/workflow.en.svg)
#
# Each section ends with `check(…)`. It looks at your cloud and says *done*, or what is missing and what to do. You may
# run it as often as you like: it changes nothing.

# %% [markdown] lang="es"
# # 1. El proyecto, el depósito y quién puede usarlo
#
# En este laboratorio vas a llevar un modelo de tarifas de taxi de Nueva York desde un cuaderno hasta Google Cloud: lo
# conviertes en un paquete de Python, lo pruebas en esta máquina, lo entrenas en Cloud ML Engine con datos de un
# depósito, vigilas el trabajo, implementas el modelo y le pides predicciones. La nube funciona en tu propia máquina: no
# cuesta nada, no necesita cuenta ni red, y los comandos son los mismos que escribirías en Google.
#
# ![El camino del modelo](pictures/workflow.es.svg)
#
# Cada sección termina con `check(…)`: mira tu nube y dice *hecho*, o bien qué falta y qué hacer. Puedes ejecutarlo
# tantas veces como quieras, porque no cambia nada.

# %% [markdown] lang="en"
# ## The project
#
# Everything in Google Cloud belongs to a **project**. Your cloud serves one; `gcloud` knows which. Write its name, the
# name of the bucket that you are going to make and the region into the file `names.env`. All chapters read it. Names of
# buckets are shared by the whole world, so put the project's name into the bucket's.
#
# *You should see* three lines, such as `PROJECT=local-project`.

# %% [markdown] lang="es"
# ## El proyecto
#
# En Google Cloud todo pertenece a un **proyecto**. Tu nube sirve uno, y `gcloud` sabe cuál es. Escribe su nombre, el del
# depósito que vas a crear y la región en el archivo `names.env`, que leen todos los capítulos. Los nombres de los
# depósitos son únicos en todo el mundo; por eso conviene que el del tuyo contenga el del proyecto.
#
# *Deberías ver* tres líneas, por ejemplo `PROJECT=local-project`.

# %% tags=["solution"] language="bash"
# set -e
# # → cat > names.env <<END … END, with PROJECT=, BUCKET= and REGION=
# cat > names.env <<END
# PROJECT=$(gcloud config get-value project)
# BUCKET=$(gcloud config get-value project)-ml
# REGION=us-central1
# END
# cat names.env

# %%
from cloud.lab import check, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# Now tell `gcloud` the project and the region. The cell above gave `PROJECT`, `BUCKET` and `REGION` to Python and
# to the shell: in a command they are `$PROJECT`, `$BUCKET` and `$REGION`.
#
# *You should see* `Updated property [core/project].`

# %% [markdown] lang="es"
# Ahora dile a `gcloud` cuáles son el proyecto y la región. La celda anterior ha dado `PROJECT`, `BUCKET` y `REGION` a
# Python y a la terminal: en un comando se escriben `$PROJECT`, `$BUCKET` y `$REGION`.
#
# *Deberías ver* `Updated property [core/project].`

# %% tags=["solution"] language="bash"
# set -e
# # → gcloud config set …, twice
# gcloud config set project $PROJECT
# gcloud config set compute/region $REGION

# %%
check("project")

# %% [markdown] lang="en"
# ## The bucket
#
# A training job runs on a machine of Google's, which does not see your disk. Its data and its model are in a **bucket**
# of Cloud Storage, in the same region. Make one with `gsutil mb` (make bucket); the form in the console, under
# *Storage*, does the same.
#
# *You should see* `Creating gs://…` and then your bucket in the list. `409` means that the name is taken.

# %% [markdown] lang="es"
# ## El depósito
#
# Un trabajo de entrenamiento se ejecuta en una máquina de Google, que no ve tu disco. Sus datos y su modelo están en un
# **depósito** de Cloud Storage, en la misma región. Créalo con `gsutil mb` (*make bucket*); el formulario de la consola,
# en *Almacenamiento*, hace lo mismo.
#
# *Deberías ver* `Creating gs://…` y después tu depósito en la lista. Un `409` significa que el nombre ya está ocupado.

# %% tags=["solution"] language="bash"
# set -e
# # → gsutil mb -l REGION gs://BUCKET, then gsutil ls
# gsutil mb -l $REGION gs://$BUCKET
# gsutil ls

# %%
check("bucket")

# %% [markdown] lang="en"
# ## Who may read and write
#
# A job does not run as you. It runs as the **service account** of ML Engine, and that account has no rights in your
# bucket until you grant them. Three grants are needed:
#
# ![Three grants](pictures/grants.en.svg)
#
# The method `getConfig` of the service says which account it is. `gsutil defacl` changes what new objects get,
# `gsutil acl -r` the objects that are there already, and `gsutil acl` the bucket itself.
#
# *You should see* the account, and `Updated ACL` or `Updated default ACL`. The bucket is empty, so that the second
# command says `No URLs matched`: that is harmless.

# %% [markdown] lang="es"
# ## Quién puede leer y escribir
#
# Un trabajo no se ejecuta con tu identidad, sino con la de la **cuenta de servicio** de ML Engine, y esa cuenta no puede
# hacer nada en tu depósito mientras no le des permiso. Hacen falta tres permisos:
#
# ![Tres permisos](pictures/grants.es.svg)
#
# El método `getConfig` del servicio dice qué cuenta es. `gsutil defacl` cambia lo que reciben los objetos nuevos,
# `gsutil acl -r` los objetos que ya están, y `gsutil acl` el propio depósito.
#
# *Deberías ver* la cuenta y `Updated ACL` o `Updated default ACL`. Como el depósito está vacío, el segundo comando dice
# `No URLs matched`: no importa.

# %% tags=["solution"] language="bash"
# # → SVC_ACCOUNT=$(curl … https://ml.googleapis.com/v1/projects/PROJECT:getConfig …), then three times gsutil
# AUTH_TOKEN=$(gcloud auth print-access-token)
# SVC_ACCOUNT=$(curl -s -X GET -H "Content-Type: application/json" -H "Authorization: Bearer $AUTH_TOKEN" \
#     https://ml.googleapis.com/v1/projects/${PROJECT}:getConfig \
#     | python3 -c "import json; import sys; response = json.load(sys.stdin); print(response['serviceAccount'])")
# echo "Authorizing $SVC_ACCOUNT to access files in $BUCKET"
# gsutil -m defacl ch -u $SVC_ACCOUNT:R gs://$BUCKET
# gsutil -m acl ch -u $SVC_ACCOUNT:R -r gs://$BUCKET  # of an empty bucket: "No URLs matched", harmless
# gsutil -m acl ch -u $SVC_ACCOUNT:W gs://$BUCKET

# %%
check("grant")
