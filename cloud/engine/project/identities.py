"""The identities that every project has: its number, its owner, the service agents. Pure.

Addresses: https://cloud.google.com/iam/docs/service-agents and, of the default account,
https://cloud.google.com/iam/docs/service-account-types#default.
"""

import hashlib

from cloud.engine.principal import Principal
from cloud.resources import JobSpec, Service, VersionSpec


def project_number(project: str) -> int:
    """The project's number: 12 digits, the same for the same id on every machine."""
    digest = hashlib.sha256(f"project number of {project}".encode()).digest()
    return 10**11 + int.from_bytes(digest[:8], "big") % (9 * 10**11)


def owner(project: str) -> Principal:
    """The user who owns the project."""
    return Principal(f"owner@{project}.example.com", is_project_owner=True)


def ml_service_account(project: str) -> Principal:
    """ML Engine's service agent, which its training jobs and model versions run as."""
    return Principal(f"service-{project_number(project)}@cloud-ml.google.com.iam.gserviceaccount.com")


def vertex_service_agent(project: str) -> Principal:
    """Vertex AI's service agent, which reads the files of models
    (https://cloud.google.com/vertex-ai/docs/general/access-control#service-agents)."""
    return Principal(f"service-{project_number(project)}@gcp-sa-aiplatform.iam.gserviceaccount.com")


def custom_code_agent(project: str) -> Principal:
    """Vertex AI's custom code service agent, which custom training jobs run as."""
    return Principal(f"service-{project_number(project)}@gcp-sa-aiplatform-cc.iam.gserviceaccount.com")


def compute_account(project: str) -> Principal:
    """The Compute Engine default service account."""
    return Principal(f"{project_number(project)}-compute@developer.gserviceaccount.com")


def job_account(project: str, spec: JobSpec) -> Principal:
    """The account that a job runs as: its own, else the agent of its service."""
    if spec.service_account:
        return Principal(spec.service_account)
    return custom_code_agent(project) if spec.service is Service.VERTEX_AI else ml_service_account(project)


def prediction_account(project: str, service: Service) -> Principal:
    """The agent that reads the input and writes the results of a batch prediction job. The account that a job of Vertex
    AI may name is its container's (``BatchPredictionJob.serviceAccount``)."""
    return vertex_service_agent(project) if service is Service.VERTEX_AI else ml_service_account(project)


def version_account(project: str, spec: VersionSpec) -> Principal:
    """The agent that reads the files of a version: Vertex AI's if it is one of Vertex AI's, which have an image."""
    return vertex_service_agent(project) if spec.image else ml_service_account(project)
