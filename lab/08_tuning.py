# %% [markdown] lang="en"
# # 8. Let the service search: hyperparameter tuning
#
# How wide should the layers be, how large the learning rate? The service can try it: one job runs several **trials**, each
# with other values, and reads the metric that the trainer reports. You say what may vary, within which bounds, and what
# is better.

# %% [markdown] lang="es"
# # 8. Que busque el servicio: ajuste de hiperparámetros
#
# ¿Qué anchura deben tener las capas? ¿Qué tasa de aprendizaje conviene? El servicio puede probarlo: un solo trabajo
# ejecuta varias **pruebas**, cada una con otros valores, y lee la métrica que comunica el entrenador. Tú dices qué puede
# variar, entre qué límites y qué es mejor.

# %%
from cloud.lab import check, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# Each parameter becomes an argument of the trainer: `--learning_rate=…`. Learning rates differ by factors, so they are
# searched on a logarithmic scale.

# %% [markdown] lang="es"
# Cada parámetro se convierte en un argumento del entrenador: `--learning_rate=…`. Las tasas de aprendizaje se comparan
# por factores, así que se buscan en escala logarítmica.

# %% language="bash"
# cat > hyperparam.yaml <<'END'
# trainingInput:
#   scaleTier: BASIC
#   hyperparameters:
#     goal: MINIMIZE
#     hyperparameterMetricTag: rmse
#     maxTrials: 3
#     maxParallelTrials: 2
#     params:
#       - parameterName: learning_rate
#         type: DOUBLE
#         minValue: 0.001
#         maxValue: 0.1
#         scaleType: UNIT_LOG_SCALE
#       - parameterName: features
#         type: CATEGORICAL
#         categoricalValues: [raw, engineered]
# END

# %% tags=["solution"] language="bash"
# set -e
# # → gcloud ai-platform jobs submit training ID … --config=hyperparam.yaml --stream-logs -- your arguments
# OUTDIR=gs://${BUCKET}/taxifare/tuning
# JOBNAME=taxifare_tuning_$(date -u +%y%m%d_%H%M%S)
# gcloud ai-platform jobs submit training $JOBNAME \
#     --region=$REGION --module-name=trainer.task --package-path=${PWD}/taxifare/trainer \
#     --job-dir=$OUTDIR --staging-bucket=gs://$BUCKET --config=hyperparam.yaml \
#     --stream-logs \
#     -- \
#     --train_data_paths="gs://${BUCKET}/taxifare/smallinput/taxi-train*" \
#     --eval_data_paths="gs://${BUCKET}/taxifare/smallinput/taxi-valid*" \
#     --output_dir=$OUTDIR --train_steps=300
# echo $JOBNAME > tuning.txt

# %% [markdown] lang="en"
# The answer lists the trials, the best first.

# %% [markdown] lang="es"
# La respuesta enumera las pruebas, la mejor primero.

# %%
from googleapiclient import discovery

with open("tuning.txt") as file:
    name = f"projects/{PROJECT}/jobs/{file.read().strip()}"
for trial in discovery.build("ml", "v1").projects().jobs().get(name=name).execute()["trainingOutput"]["trials"]:
    print(trial["trialId"], trial["hyperparameters"], trial["finalMetric"]["objectiveValue"])

# %%
check("tuning")
