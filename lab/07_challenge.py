# %% [markdown] lang="en"
# # 7. Challenge: better features
#
# Longitude and latitude are numbers, but a fare depends on the **distance**, on the direction, and on whether an airport
# is at one end. You know this; let the model know it, too. Your copy of the trainer can: look at
# `engineered_features` in `taxifare/trainer/features.py`, and compare it with `raw_features`.

# %% [markdown] lang="es"
# # 7. Reto: mejores características
#
# La longitud y la latitud son números, pero la tarifa depende de la **distancia**, de la dirección y de si en un extremo
# hay un aeropuerto. Tú lo sabes: haz que lo sepa también el modelo. Tu copia del entrenador puede hacerlo: mira
# `engineered_features` en `taxifare/trainer/features.py` y compárala con `raw_features`.

# %%
from cloud.lab import check, draw_curves, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %%
# !cat taxifare/trainer/features.py

# %% [markdown] lang="en"
# Submit two jobs that differ in nothing but `--features`: `raw` into `gs://…/taxifare/raw`, `engineered` into
# `gs://…/taxifare/engineered`. The seed is the same, so the difference is the features' work.

# %% [markdown] lang="es"
# Envía dos trabajos que solo se diferencien en `--features`: `raw` en `gs://…/taxifare/raw` y `engineered` en
# `gs://…/taxifare/engineered`. La semilla es la misma, así que la diferencia se debe a las características.

# %% tags=["solution"] language="bash"
# set -e
# # → for FEATURES in raw engineered; do gcloud ai-platform jobs submit training … -- … --features=$FEATURES; done
# NOW=$(date -u +%y%m%d_%H%M%S)
# for FEATURES in raw engineered; do
#     OUTDIR=gs://${BUCKET}/taxifare/${FEATURES}
#     gcloud ai-platform jobs submit training taxifare_${FEATURES}_${NOW} \
#         --region=$REGION --module-name=trainer.task --package-path=${PWD}/taxifare/trainer \
#         --job-dir=$OUTDIR --staging-bucket=gs://$BUCKET --scale-tier=BASIC \
#         -- \
#         --train_data_paths="gs://${BUCKET}/taxifare/smallinput/taxi-train*" \
#         --eval_data_paths="gs://${BUCKET}/taxifare/smallinput/taxi-valid*" \
#         --output_dir=$OUTDIR --train_steps=500 --features=$FEATURES
# done
# for FEATURES in raw engineered; do
#     gcloud ai-platform jobs stream-logs taxifare_${FEATURES}_${NOW}
# done

# %%
draw_curves("rmse", raw=f"gs://{BUCKET}/taxifare/raw", engineered=f"gs://{BUCKET}/taxifare/engineered")

# %%
check("challenge")

# %% [markdown] lang="en"
# Now it is your turn: add a feature of your own to `features.py`, and submit again. Which one helps most?

# %% [markdown] lang="es"
# Ahora te toca a ti: añade a `features.py` una característica tuya y vuelve a enviar el trabajo. ¿Cuál ayuda más?
