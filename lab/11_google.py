# %% [markdown] lang="en"
# # 11. The real cloud
#
# Everything so far ran on this machine. For Google's own cloud one program does the whole way, and shows beforehand what
# it will do. Nothing in this chapter is sent, and nothing is billed.

# %% [markdown] lang="es"
# # 11. La nube de verdad
#
# Hasta aquí todo se ha ejecutado en esta máquina. Para la nube de Google, un solo programa recorre todo el camino y
# enseña antes lo que va a hacer. En este capítulo no se envía nada ni se factura nada.

# %%
from cloud.lab import check, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# ## Every request, before it is sent
#
# `--dry-run` prints first what will be billed, then each request as a `curl` command. Find the steps of the lab in them:
# the bucket, the grant, the upload, the job, the deployment, the prediction, and the removal of everything at the end.

# %% [markdown] lang="es"
# ## Cada solicitud, antes de enviarla
#
# `--dry-run` escribe primero lo que se facturará y después cada solicitud como un comando `curl`. Busca en ellas los
# pasos del laboratorio: el depósito, el permiso, la subida, el trabajo, la implementación, la predicción y, al final, el
# borrado de todo.

# %% tags=["solution"] language="bash"
# set -e
# # → python -m cloud.run --backend gcp --project my-project --bucket … --dry-run > requests.txt
# python -m cloud.run --backend gcp --project my-project-12345 --bucket my-project-12345-ml --dry-run > requests.txt
# head -30 requests.txt
# grep -c curl requests.txt

# %% [markdown] lang="en"
# ## When you have an account
#
# 1. `gcloud auth application-default login`, in your own terminal, not in this cloud.
# 2. `python -m cloud.run --backend gcp --project YOUR-PROJECT --preflight` checks whether the APIs are enabled and what
#    you may do, and changes nothing.
# 3. The same without `--preflight` trains, deploys, predicts and removes everything again. It bills a few cents.

# %% [markdown] lang="es"
# ## Cuando tengas una cuenta
#
# 1. `gcloud auth application-default login`, en tu propia terminal, no en esta nube.
# 2. `python -m cloud.run --backend gcp --project TU-PROYECTO --preflight` comprueba si las API están activadas y qué
#    puedes hacer, y no cambia nada.
# 3. Lo mismo sin `--preflight` entrena, implementa, predice y lo borra todo al final. Cuesta unos céntimos.

# %%
check("google")
