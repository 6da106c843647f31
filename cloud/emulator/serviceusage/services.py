"""The services of Google's that are emulated, by name and title. Pure.

Names as in https://cloud.google.com/service-usage/docs/list-services.
"""

from collections.abc import Mapping

EMULATED: Mapping[str, str] = {
    "aiplatform.googleapis.com": "Vertex AI API",
    "artifactregistry.googleapis.com": "Artifact Registry API",
    "cloudbuild.googleapis.com": "Cloud Build API",
    "cloudresourcemanager.googleapis.com": "Cloud Resource Manager API",
    "containerregistry.googleapis.com": "Container Registry API",
    "iam.googleapis.com": "Identity and Access Management (IAM) API",
    "iamcredentials.googleapis.com": "IAM Service Account Credentials API",
    "logging.googleapis.com": "Cloud Logging API",
    "ml.googleapis.com": "AI Platform Training & Prediction API",
    "serviceusage.googleapis.com": "Service Usage API",
    "storage-api.googleapis.com": "Google Cloud Storage JSON API",
    "storage-component.googleapis.com": "Cloud Storage",
    "storage.googleapis.com": "Cloud Storage API",
}
"""In the order of their names. Cloud Storage has three, as at Google, and Container Registry's images are Artifact
Registry's."""
