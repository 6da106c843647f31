"""The same on Vertex AI: a custom job, a model in the registry, an endpoint that answers with it."""

from cloud.engine.project.identities import vertex_service_agent
from cloud.lab.checks.jobs import one_line
from cloud.lab.checks.outcome import Lab, Outcome, done, not_yet
from cloud.resources import Json

_SUCCEEDED, _FAILED, _CANCELLED = "JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"


def vertex(lab: Lab) -> Outcome:
    jobs = _all(lab, "customJobs")
    if not jobs:
        return not_yet(
            "there is no custom job. Submit one in the region of your bucket: projects.locations.customJobs.create",
            "no hay ningún trabajo personalizado. Envía uno en la región de tu depósito: "
            "projects.locations.customJobs.create",
        )
    succeeded = [job for job in jobs if job["state"] == _SUCCEEDED]
    if not succeeded:
        return _unfinished(max(jobs, key=lambda job: str(job["createTime"])))
    if not _all(lab, "models"):
        return not_yet(
            "a custom job succeeded, and the registry has no model. Upload its export: models.upload, with the folder "
            "of saved_model.pb as artifactUri.",
            "un trabajo personalizado acabó bien, pero el registro no tiene ningún modelo. Sube lo que exportó: "
            "models.upload, con la carpeta de saved_model.pb como artifactUri.",
        )
    endpoints = _all(lab, "endpoints")
    if not endpoints:
        return not_yet(
            "there is no endpoint: a model of the registry answers nobody until it is deployed to one. "
            "endpoints.create, then endpoints.deployModel.",
            "no hay ningún extremo: un modelo del registro no responde a nadie hasta que se implementa en uno. "
            "endpoints.create y después endpoints.deployModel.",
        )
    serving = [endpoint for endpoint in endpoints if endpoint.get("deployedModels")]
    if not serving:
        agent = vertex_service_agent(lab.project).email
        return not_yet(
            "the endpoint has no model. Deploy one to it: endpoints.deployModel, and wait for the operation. (Refused? "
            f"{agent} reads the model: give it roles/storage.objectViewer on the bucket.)",
            "el extremo no tiene ningún modelo. Impleméntalo: endpoints.deployModel, y espera a que acabe la "
            "operación. "
            f"(¿Rechazado? {agent} lee el modelo: dale roles/storage.objectViewer sobre el depósito.)",
        )
    name = serving[0].get("displayName") or serving[0]["name"].rpartition("/")[2]
    return done(
        f"a custom job trained, and endpoint {name} serves a model",
        f"un trabajo personalizado entrenó, y el extremo {name} sirve un modelo",
    )


def _unfinished(job: Json) -> Outcome:
    name = job.get("displayName") or job["name"].rpartition("/")[2]
    if job["state"] == _FAILED:
        reason = one_line(job.get("error", {}).get("message", ""))
        return not_yet(
            f"custom job {name} failed: {reason}. Vertex AI's agent is another account than ML Engine's: it needs a "
            "grant of its own on the bucket.",
            f"el trabajo personalizado {name} falló: {reason}. El agente de Vertex AI es otra cuenta de servicio "
            "que la "
            "de ML Engine: necesita su propio permiso sobre el depósito.",
        )
    if job["state"] == _CANCELLED:
        return not_yet(
            f"custom job {name} was cancelled. Submit another.",
            f"el trabajo personalizado {name} se canceló. Envía otro.",
        )
    return not_yet(
        f"custom job {name} is {job['state']}. Wait for its end: customJobs.get",
        f"el trabajo personalizado {name} está en estado {job['state']}. Espera a que acabe: customJobs.get",
    )


def _all(lab: Lab, collection: str) -> list[Json]:
    """What a collection of the learner's region holds."""
    region = lab.names.region or lab.environ.get("GOOGLE_CLOUD_REGION", "us-central1")
    path = f"/v1/projects/{lab.project}/locations/{region}/{collection}"
    answer = lab.api.get(f"{region}-aiplatform.googleapis.com", path, pageSize="100")
    return list(answer.get(collection, []))
