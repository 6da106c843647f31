"""Training and prediction on the learner's own machine."""

import json
import math
from pathlib import Path

from cloud.engine.tuning.metrics import read_summaries
from cloud.errors import InvalidArgument
from cloud.lab.checks.outcome import Lab, Outcome, done, not_yet
from cloud.resources import Json
from cloud.wire.model_files import SAVED_MODEL_FILES
from cloud.workflow.instances import read_instances_file
from cloud.workflow.taxifare import INPUTS

OUTPUT = Path("taxi_trained")
INSTANCES = "test.json"
_LOSS = "loss"


def exports(lab: Lab) -> list[Path]:
    """The folders of SavedModels below the learner's output folder."""
    found = {path.parent for name in SAVED_MODEL_FILES for path in (lab.folder / OUTPUT).rglob(name)}
    return sorted(found)


def run_module(lab: Lab) -> Outcome:
    return _one_export(
        lab,
        f"there is no folder {OUTPUT}: the module has not run here. Set PYTHONPATH to the folder above trainer "
        "(export PYTHONPATH=$PWD/taxifare), then python -m trainer.task with its flags.",
        f"no existe la carpeta {OUTPUT}: el módulo no se ha ejecutado aquí. Pon en PYTHONPATH la carpeta que contiene "
        "trainer (export PYTHONPATH=$PWD/taxifare) y ejecuta python -m trainer.task con sus opciones.",
    )


def local_train(lab: Lab) -> Outcome:
    return _one_export(
        lab,
        f"there is no folder {OUTPUT}: gcloud did not train. The trainer's own flags come after a lone --; before it, "
        "gcloud takes them for its own and refuses them.",
        f"no existe la carpeta {OUTPUT}: gcloud no ha entrenado. Las opciones del entrenador van después de un -- "
        "suelto; "
        "delante, gcloud las toma por suyas y las rechaza.",
    )


def _one_export(lab: Lab, no_folder: str, no_folder_es: str) -> Outcome:
    if not (lab.folder / OUTPUT).is_dir():
        return not_yet(no_folder, no_folder_es)
    found = exports(lab)
    if not found:
        return not_yet(
            f"{OUTPUT} holds no saved_model.pb: the run has not ended, or it ended with an error. Read the last lines "
            "of the cell above, mend it and run it again.",
            f"en {OUTPUT} no hay ningún saved_model.pb: la ejecución no ha terminado o acabó con un error. Lee las "
            "últimas líneas de la celda anterior, corrígelo y vuelve a ejecutarla.",
        )
    if len(found) > 1:
        return not_yet(
            f"{OUTPUT} holds {len(found)} models, the older ones of earlier runs, and a run goes on from the "
            f"checkpoint that it finds. Begin anew: rm -rf {OUTPUT}, then run the cell again.",
            f"en {OUTPUT} hay {len(found)} modelos, los más viejos de ejecuciones anteriores, y el entrenamiento "
            f"continúa desde el punto de control que encuentra. Empieza de cero: rm -rf {OUTPUT} y repite la celda.",
        )
    model = found[0].relative_to(lab.folder)
    return done(f"one model, {model}", f"un modelo, {model}")


def read_trips(lab: Lab) -> list[Json] | Outcome:
    """The instances of ``test.json``, or what is wrong with it."""
    path = lab.folder / INSTANCES
    if not path.is_file():
        return not_yet(
            f"there is no {INSTANCES}. Write it with %%writefile {INSTANCES}: one trip in JSON a line.",
            f"no existe {INSTANCES}. Escríbelo con %%writefile {INSTANCES}: un viaje en JSON por línea.",
        )
    try:
        instances = read_instances_file(path)
    except (InvalidArgument, RecursionError) as error:
        return not_yet(
            f"{INSTANCES} cannot be read: {error}. It has one trip in JSON a line, and no empty line.",
            f"no se puede leer {INSTANCES} ({error}). Lleva un viaje en JSON por línea y ninguna línea vacía.",
        )
    for instance in instances:
        if wrong := wrong_keys(instance):
            return not_yet(f"{INSTANCES}: {wrong[0]}.", f"{INSTANCES}: {wrong[1]}.")
    return instances


def wrong_keys(instance: Json) -> tuple[str, str] | None:
    """What a trip has that the model does not know, or lacks, in English and Spanish."""
    expected = ", ".join(INPUTS)
    if not isinstance(instance, dict):
        return f"a trip is an object with the keys {expected}", f"un viaje es un objeto con las claves {expected}"
    if unknown := sorted(set(instance) - set(INPUTS)):
        named = ", ".join(unknown)
        return (
            f"the model has no input {named}. It has {expected}",
            f"el modelo no tiene ninguna entrada {named}. Las que tiene: {expected}",
        )
    if missing := [name for name in INPUTS if name not in instance]:
        return f"a trip lacks {', '.join(missing)}. Add it", f"a un viaje le falta {', '.join(missing)}. Añádelo"
    for name, value in instance.items():
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            text = json.dumps(value)[:40]
            return f"{name} is {text}, which is no number", f"{name} vale {text}, que no es un número"
    return None


def local_predict(lab: Lab) -> Outcome:
    trips = read_trips(lab)
    if isinstance(trips, Outcome):
        return trips
    found = exports(lab)
    if not found:
        return not_yet(
            f"{OUTPUT} holds no model to predict with. Train first: python -m trainer.task",
            f"en {OUTPUT} no hay ningún modelo con el que predecir. Entrena antes: python -m trainer.task",
        )
    if len(found) > 1:
        return not_yet(
            f"{OUTPUT} holds {len(found)} models, and which one predicts is left to chance. Begin anew: "
            f"rm -rf {OUTPUT}, train again, then predict.",
            f"en {OUTPUT} hay {len(found)} modelos, y no se sabe cuál predice. Empieza de cero: rm -rf {OUTPUT}, "
            "vuelve a entrenar y luego predice.",
        )
    return done(
        f"{INSTANCES} and the model belong together: one number for each of {len(trips)} line(s)",
        f"{INSTANCES} y el modelo encajan: un número por cada línea ({len(trips)})",
    )


def tensorboard(lab: Lab) -> Outcome:
    files = sorted((lab.folder / OUTPUT).rglob("*tfevents*"))
    points = sorted(
        (each.step, each.value)
        for path in files
        if path.parent.name not in ("eval", "validation")
        for each in read_summaries(path.read_bytes(), [_LOSS])
    )
    if not points:
        return not_yet(
            f"there is no curve {_LOSS!r} below {OUTPUT}: TensorBoard would say “No dashboards are active”. Train "
            "first; "
            "--logdir is the folder that was --output_dir.",
            f"en {OUTPUT} no hay ninguna curva «{_LOSS}»: TensorBoard diría «No dashboards are active». Entrena antes; "
            "--logdir es la carpeta que diste como --output_dir.",
        )
    first, last = points[0][1], points[-1][1]
    if len(points) < 2:
        return not_yet(
            f"{_LOSS} has one point, which is no curve. Train for more steps: --train_steps=1000",
            f"«{_LOSS}» tiene un solo punto, y eso no es una curva. Entrena más pasos: --train_steps=1000",
        )
    if not last < first:  # NaN, too
        return not_yet(
            f"{_LOSS} went from {first:.4g} to {last:.4g}: it does not fall. Train for more steps, or with a lower "
            "--learning_rate.",
            f"«{_LOSS}» pasó de {first:.4g} a {last:.4g}: no baja. Entrena más pasos o con una tasa de aprendizaje "
            "menor (--learning_rate).",
        )
    return done(
        f"{_LOSS} falls from {first:.4g} to {last:.4g}. (“Refused to connect”? TensorBoard is still starting, or this "
        "is not its machine: open it from the console.)",
        f"«{_LOSS}» baja de {first:.4g} a {last:.4g}. (¿«Refused to connect»? TensorBoard aún está arrancando, o este "
        "no es su equipo: ábrelo desde la consola.)",
    )
