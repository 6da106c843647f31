"""The deployed version, and what it predicts, one by one and in batches."""

import math

from cloud.errors import CloudError
from cloud.lab.api import NotThere
from cloud.lab.checks.jobs import ML, Kind, exported, jobs, not_ended, one_line
from cloud.lab.checks.local_runs import INSTANCES, read_trips
from cloud.lab.checks.outcome import Lab, Outcome, done, not_yet
from cloud.lifecycle import VersionState
from cloud.resources import Json
from cloud.workflow.taxifare import MODEL, predicted_fare


def deploy(lab: Lab) -> Outcome:
    model = _model(lab)
    if model is None:
        return not_yet(
            f"there is no model. Make one: gcloud ai-platform models create {MODEL} --regions "
            f"{lab.names.region or 'us-central1'}",
            f"no hay ningún modelo. Créalo: gcloud ai-platform models create {MODEL} --regions "
            f"{lab.names.region or 'us-central1'}",
        )
    name = _last(model)
    default = model.get("defaultVersion")
    if default is None:
        versions = lab.api.get(ML, f"/v1/{model['name']}/versions").get("versions", [])
        return _not_ready(versions[-1], name) if versions else _no_version(lab, name)
    if default.get("state") != VersionState.READY.value:
        return _not_ready(default, name)
    return done(
        f"version {_last(default)} of model {name} is READY, and the default",
        f"la versión {_last(default)} del modelo {name} está lista (READY) y es la predeterminada",
    )


def _model(lab: Lab) -> Json | None:
    """The lab's model; without one of that name the first."""
    models = lab.api.get(ML, f"/v1/projects/{lab.project}/models").get("models", [])
    return next((model for model in models if _last(model) == MODEL), models[0] if models else None)


def _last(resource: Json) -> str:
    return str(resource["name"].rpartition("/")[2])


def _no_version(lab: Lab, model: str) -> Outcome:
    folder = next((found[-1] for job in jobs(lab, Kind.TRAINING) if (found := exported(lab, job.output))), None)
    command = f"gcloud ai-platform versions create v1 --region=global --model {model} --origin {folder or 'gs://…'}"
    return not_yet(
        f"model {model} has no version. Make one: {command} (--origin is the folder that holds saved_model.pb itself, "
        "not the one above it).",
        f"el modelo {model} no tiene ninguna versión. Créala: {command} (--origin es la carpeta que contiene el propio "
        "saved_model.pb, no la de encima).",
    )


def _not_ready(version: Json, model: str) -> Outcome:
    name, state = _last(version), version.get("state", "")
    if state != VersionState.FAILED.value:
        return not_yet(
            f"version {name} is {state}. Look again in a moment: gcloud ai-platform versions list --region=global "
            f"--model {model}",
            f"la versión {name} está en estado {state}. Vuelve a mirar en un momento: gcloud ai-platform versions list "
            f"--region=global --model {model}",
        )
    reason = one_line(version.get("errorMessage", ""))
    return not_yet(
        f"version {name} failed: {reason}. --origin is the folder that holds saved_model.pb itself. Remove the version "
        f"(gcloud ai-platform versions delete {name} --region=global --model {model}) and make it again.",
        f"la versión {name} falló: {reason}. --origin es la carpeta que contiene el propio saved_model.pb. Borra la "
        f"versión (gcloud ai-platform versions delete {name} --region=global --model {model}) y créala otra vez.",
    )


def predict(lab: Lab) -> Outcome:
    deployed = deploy(lab)
    if not deployed.is_done:
        return deployed
    trips = read_trips(lab)
    if isinstance(trips, Outcome):
        return not_yet(
            f'{trips.english} With a wrong key the service answers {{"error": …}}, and gcloud ends with status 0.',
            f'{trips.spanish} Con una clave equivocada el servicio responde {{"error": …}} y gcloud acaba con el '
            "código 0.",
        )
    model = _model(lab)
    assert model is not None  # noqa: S101 - it is deployed
    try:
        answer = lab.api.send(ML, f"/v1/{model['name']}:predict", {"instances": trips})
    except (NotThere, CloudError) as error:
        return _refused(str(error))
    if "error" in answer:
        return _refused(str(answer["error"]))
    try:
        fares = [predicted_fare(prediction) for prediction in answer["predictions"]]
    except (KeyError, TypeError, ValueError):
        return _refused(str(answer.get("predictions")))
    if not all(map(math.isfinite, fares)):
        return _refused(f"fares {fares}")
    told = ", ".join(f"${fare:.2f}" for fare in fares)
    return done(
        f"the deployed model answers {told} for {INSTANCES}: the command line and your program get this same number",
        f"el modelo implementado responde {told} para {INSTANCES}: la línea de comandos y tu programa reciben ese "
        "mismo "
        "número",
    )


def _refused(reason: str) -> Outcome:
    quoted = one_line(reason)
    return not_yet(
        f"the deployed model does not answer for {INSTANCES}: {quoted}. Its keys must be the model's inputs.",
        f"el modelo implementado no responde para {INSTANCES}: {quoted}. Sus claves deben ser las entradas del modelo.",
    )


def batch(lab: Lab) -> Outcome:
    found = jobs(lab, Kind.BATCH)
    if not found:
        return not_yet(
            "there is no batch prediction job. Submit one: gcloud ai-platform jobs submit prediction ID "
            f"--model={MODEL} --data-format=text --input-paths=gs://… --output-path=gs://… --region=…",
            "no hay ningún trabajo de predicción por lotes. Envía uno: gcloud ai-platform jobs submit "
            f"prediction ID --model={MODEL} --data-format=text --input-paths=gs://… --output-path=gs://… --region=…",
        )
    problem = None
    for job in found:
        output = job.json.get("predictionOutput", {})
        good, bad = int(output.get("predictionCount", 0)), int(output.get("errorCount", 0))
        folder = output.get("outputPath") or job.json["predictionInput"].get("outputPath", "")
        outcome = not_ended(lab, job)
        if outcome is None and good and not bad:
            return done(f"{good} predictions in {folder}", f"{good} predicciones en {folder}")
        problem = problem or outcome or _bad_lines(job.id, good, bad, folder)
    assert problem is not None  # noqa: S101 - of the first
    return problem


def _bad_lines(job: str, good: int, bad: int, folder: str) -> Outcome:
    if not bad:
        return not_yet(
            f"job {job} found no instance. --input-paths names files with an instance in JSON a line.",
            f"el trabajo {job} no encontró ninguna instancia. --input-paths nombra archivos con una instancia en "
            "JSON por "
            "línea.",
        )
    return not_yet(
        f"job {job} could not predict {bad} of {good + bad} instances. Why is in {folder}/prediction.errors_stats*: "
        "are the keys the model's inputs?",
        f"el trabajo {job} no pudo predecir {bad} de {good + bad} instancias. El porqué está en "
        f"{folder}/prediction.errors_stats*: ¿son las claves las entradas del modelo?",
    )
