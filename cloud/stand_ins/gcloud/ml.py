"""What the commands of ``gcloud ai-platform`` share: the endpoint and the names of resources."""

from cloud.stand_ins.connection import escape
from cloud.stand_ins.gcloud.commands import flag
from cloud.stand_ins.gcloud.invocation import Invocation

HOST = "ml"
REGION = flag("--region")
FRAMEWORKS = ("scikit-learn", "tensorflow", "xgboost")


def endpoint(run: Invocation, region: str | None) -> str:
    """The host of models and versions, which is said as gcloud says it."""
    region = region or run.configuration.get("ai_platform/region") or run.configuration.get("ml_engine/region")
    host = f"{region}-ml.googleapis.com" if region and region != "global" else "ml.googleapis.com"
    run.say(f"Using endpoint [https://{host}/]")
    return host


def project_path(run: Invocation) -> str:
    return f"/v1/projects/{escape(run.project)}"
