"""The commands that grant what a caller lacks. Pure."""

from cloud.engine.project.members import member_of
from cloud.engine.project.roles import role_for


def on_project(project: str, email: str, permission: str) -> str:
    """``gcloud projects add-iam-policy-binding …`` with the weakest role that has ``permission``."""
    return f"gcloud projects add-iam-policy-binding {project} {_binding(email, permission)}"


def on_bucket(bucket: str, email: str, permission: str) -> str:
    return f"gcloud storage buckets add-iam-policy-binding gs://{bucket} {_binding(email, permission)}"


def on_account(account: str, email: str, permission: str) -> str:
    return f"gcloud iam service-accounts add-iam-policy-binding {account} {_binding(email, permission)}"


def _binding(email: str, permission: str) -> str:
    return f"--member={member_of(email)} --role={role_for(permission)}"
