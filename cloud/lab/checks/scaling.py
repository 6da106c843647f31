"""More than the first job: several replicas, better features, trials of a tuning job."""

from collections.abc import Sequence

from cloud.lab.checks.jobs import Kind, LabJob, jobs, not_ended, rmse
from cloud.lab.checks.outcome import Lab, Outcome, done, not_yet
from cloud.lifecycle import JobState

_SERVICE = "service"
"""The name under which a job's log has lines of the service itself."""
_RAW, _ENGINEERED = "raw", "engineered"
_OWN = ("features", "output_dir", "job_dir")
"""Arguments in which two runs to compare may differ."""


def larger(lab: Lab) -> Outcome:
    found = [job for job in jobs(lab, Kind.TRAINING) if job.tier != "BASIC"]
    if not found:
        return not_yet(
            "every job so far had one machine. Submit one with --scale-tier=STANDARD_1, or with --config and several "
            "machines. (A line of XXXXX in the lab's cell is a guard against starting it by mistake: remove it.)",
            "todos los trabajos han usado una sola máquina. Envía uno con --scale-tier=STANDARD_1, o con --config y "
            "varias máquinas. (La línea XXXXX de la celda evita que se lance por error: bórrala.)",
        )
    problem = None
    for job in found:
        if ended := not_ended(lab, job):
            problem = problem or ended
            continue
        replicas = _replicas(lab, job)
        if len(replicas) > 1:
            listed = ", ".join(replicas)
            score = rmse(lab, job)
            told = "" if score is None else f"; RMSE {score:.4g}"
            return done(
                f"job {job.id} ran on {len(replicas)} replicas ({listed}){told}",
                f"el trabajo {job.id} se ejecutó en {len(replicas)} réplicas ({listed}){told}",
            )
        problem = problem or not_yet(
            f"job {job.id} asked for {job.tier}, and its log has lines of one replica only. Give it workers: "
            "--scale-tier=STANDARD_1, or workerCount in the file of --config.",
            f"el trabajo {job.id} pidió {job.tier}, pero en su registro solo hay líneas de una réplica. Añade "
            "máquinas trabajadoras: --scale-tier=STANDARD_1, o workerCount en el archivo de --config.",
        )
    assert problem is not None  # noqa: S101 - of the first
    return problem


def _replicas(lab: Lab, job: LabJob) -> list[str]:
    entries = lab.api.entries(f'resource.labels.job_id="{job.id}"')
    names = {entry.get("resource", {}).get("labels", {}).get("task_name", "") for entry in entries}
    return sorted(names - {"", _SERVICE})


def challenge(lab: Lab) -> Outcome:
    found = jobs(lab, Kind.TRAINING)
    raw = [job for job in found if job.arguments.get("features") == _RAW]
    better = [job for job in found if job.arguments.get("features") == _ENGINEERED]
    for missing, named in ((raw, _RAW), (better, _ENGINEERED)):
        if not missing:
            return not_yet(
                f"there is no job with --features={named}. Submit two that differ in nothing else: "
                f"--features={_RAW} and --features={_ENGINEERED}.",
                f"no hay ningún trabajo con --features={named}. Envía dos que solo se diferencien en eso: "
                f"--features={_RAW} y --features={_ENGINEERED}.",
            )
    pairs = [(one, other) for other in better for one in raw if not differences(one, other)]
    if not pairs:
        name, old, new = differences(raw[0], better[0])[0]
        return not_yet(
            f"{raw[0].id} and {better[0].id} differ in more than the features: {name} is {old} and {new}. Compare like "
            "with like: submit one of them again with the other's arguments.",
            f"{raw[0].id} y {better[0].id} se diferencian en algo más que las características: {name} vale {old} y "
            f"{new}. Compara en igualdad de condiciones: repite uno con los argumentos del otro.",
        )
    one, other = next((pair for pair in pairs if all(not_ended(lab, job) is None for job in pair)), pairs[0])
    return not_ended(lab, one) or not_ended(lab, other) or _compared(lab, one, other)


def differences(one: LabJob, other: LabJob) -> list[tuple[str, str, str]]:
    """The arguments in which two runs differ that are to be compared: name and both values."""
    first, second = one.arguments, other.arguments
    return [
        (f"--{name}", first.get(name, "∅"), second.get(name, "∅"))
        for name in sorted(first.keys() | second.keys())
        if name not in _OWN and first.get(name) != second.get(name)
    ]


def _compared(lab: Lab, one: LabJob, other: LabJob) -> Outcome:
    scores = [rmse(lab, one), rmse(lab, other)]
    for job, score in zip((one, other), scores, strict=True):
        if score is None:
            return not_yet(
                f"the log of {job.id} has no line with rmse=: nothing to compare. Did it evaluate at its end?",
                f"en el registro de {job.id} no hay ninguna línea con rmse=: no hay nada que comparar. ¿Evaluó al "
                "final?",
            )
    before, after = (float(score or 0.0) for score in scores)
    told = f"RMSE {before:.4g} ({_RAW}), {after:.4g} ({_ENGINEERED})"
    if not after < before:
        return not_yet(
            f"{told}: your features do not help yet. Train both for more steps, or try others in features.py.",
            f"{told}: tus características aún no ayudan. Entrena los dos más pasos o prueba otras en features.py.",
        )
    return done(f"{told}: better by features alone", f"{told}: mejora solo gracias a las características")


def tuning(lab: Lab) -> Outcome:
    found = jobs(lab, Kind.TUNING)
    if not found:
        return not_yet(
            "there is no tuning job. Submit one: gcloud ai-platform jobs submit training ID "
            "--config=hyperparam.yaml … (hyperparameters stands below trainingInput in that file).",
            "no hay ningún trabajo de ajuste. Envía uno: gcloud ai-platform jobs submit training ID "
            "--config=hyperparam.yaml … (en ese archivo, hyperparameters va dentro de trainingInput).",
        )
    problem = None
    for job in found:
        outcome = _tuned(lab, job)
        if outcome.is_done:
            return outcome
        problem = problem or outcome
    assert problem is not None  # noqa: S101 - of the first
    return problem


def _tuned(lab: Lab, job: LabJob) -> Outcome:
    asked = job.training["hyperparameters"]
    tag = asked.get("hyperparameterMetricTag") or "training/hptuning/metric"
    trials = job.json.get("trainingOutput", {}).get("trials", [])
    ended = [trial for trial in trials if trial.get("state") == JobState.SUCCEEDED.value]
    scored = [trial for trial in ended if "finalMetric" in trial]
    if ended and not scored:
        return not_yet(
            f"no trial of {job.id} reported {tag!r}, so none can be called the best. hyperparameterMetricTag is the "
            "name "
            "under which the trainer reports: here rmse.",
            f"ninguna prueba de {job.id} comunicó «{tag}», así que no se sabe cuál es la mejor. "
            "hyperparameterMetricTag "
            "es el nombre con el que informa el entrenador: aquí, rmse.",
        )
    if outcome := not_ended(lab, job):
        return outcome
    if not scored:
        return not_yet(
            f"job {job.id} has no trial that succeeded. Its log says why: gcloud ai-platform jobs stream-logs {job.id}",
            f"en el trabajo {job.id} ninguna prueba acabó bien. El registro dice por qué: "
            f"gcloud ai-platform jobs stream-logs {job.id}",
        )
    best = _best(scored, asked.get("goal", ""))
    values = ", ".join(f"{name}={value}" for name, value in sorted(best.get("hyperparameters", {}).items()))
    score = float(best["finalMetric"].get("objectiveValue", 0.0))
    return done(
        f"the best of {len(scored)} trials is {best['trialId']}: {tag} {score:.4g} with {values}",
        f"la mejor de {len(scored)} pruebas es la {best['trialId']}: {tag} {score:.4g} con {values}",
    )


def _best(trials: Sequence[dict], goal: str) -> dict:  # type: ignore[type-arg]
    choose = min if goal == "MINIMIZE" else max
    return choose(trials, key=lambda trial: float(trial["finalMetric"].get("objectiveValue", 0.0)))
