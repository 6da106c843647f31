"""What to do instead of Vertex AI's methods that are not emulated, by resource. Pure."""

_GENERATIVE = (
    "No model of Google's runs here, nor anything around them: give the code a test double of its client, or run a "
    "model of your own in a job or behind an endpoint."
)
_FEATURES = "There is no feature store: read the features from files in the bucket (gs://)."
_VECTORS = "There is no vector search: build the index in the program, with a library such as FAISS or ScaNN."
_TRIALS = "Search by a hyperparameter tuning job, or within one job, with KerasTuner or Optuna."
_PIPELINES = "Run a pipeline's components with kfp.local, or its steps one by one as custom jobs."
_NOTEBOOKS = "Open the notebook on this machine, with the environment of `python -m cloud.serve env`."
_MONITORING = "Nothing samples an endpoint's requests: compare what you send and receive in the client."
_LABELS = "There is nobody who labels: put the labels into the files that the job reads."
_POLICIES = "Access is decided by the project's policy."
_MACHINES = "Nothing is reserved here: a job or a deployment uses this machine when it runs."

_BY_RESOURCE = {
    "dataLabelingJobs": _LABELS,
    "datasets": "Run the training without a dataset: give the job its files' paths as arguments, and it reads gs://.",
    "deploymentResourcePools": _MACHINES,
    "endpoints.directPredict": "Use endpoint.predict, which sends the same values as JSON.",
    "endpoints.directRawPredict": "Use endpoint.raw_predict.",
    "endpoints.explain": "Models give predictions and no attributions: compute them in the program or in a job, with a "
    "library such as SHAP.",
    "endpoints.predict": "Name the endpoint by project and location.",
    "endpoints.serverStreamingPredict": "Use endpoint.predict: the answer is whole.",
    "endpoints.streamRawPredict": "Use endpoint.raw_predict: the answer is whole.",
    "endpoints.deployedModels": "A server of your own behind an endpoint has one path: use endpoint.raw_predict.",
    "endpoints.invoke": "A server of your own behind an endpoint has one path: use endpoint.raw_predict.",
    "endpoints.getIamPolicy": _POLICIES,
    "endpoints.setIamPolicy": _POLICIES,
    "endpoints.testIamPermissions": _POLICIES,
    "endpoints": _GENERATIVE,
    "featureGroups": _FEATURES,
    "featureOnlineStores": _FEATURES,
    "featurestores": _FEATURES,
    "indexEndpoints": _VECTORS,
    "indexes": _VECTORS,
    "metadataStores": "The SDK keeps experiments and lineage there. Leave `experiment` out of aiplatform.init; write "
    "metrics as TensorBoard's files to gs:// or to the job's log.",
    "migratableResources": "There is nothing to migrate: both services show the models that they made.",
    "modelDeploymentMonitoringJobs": _MONITORING,
    "modelMonitors": _MONITORING,
    "models.evaluations": "Compute the metrics in the job, and write them to its log or to the bucket.",
    "models.getIamPolicy": _POLICIES,
    "models.setIamPolicy": _POLICIES,
    "models.testIamPermissions": _POLICIES,
    "models": "Models here are artifacts that were uploaded, with versions and aliases.",
    "nasJobs": _TRIALS,
    "notebookExecutionJobs": _NOTEBOOKS,
    "notebookRuntimeTemplates": _NOTEBOOKS,
    "notebookRuntimes": _NOTEBOOKS,
    "operations": "Operations are those of jobs, models, endpoints and training pipelines.",
    "persistentResources": _MACHINES,
    "pipelineJobs": _PIPELINES,
    "schedules": _PIPELINES,
    "specialistPools": _LABELS,
    "studies": _TRIALS,
    "tensorboards": "Write TensorBoard's files to gs:// and read them on this machine with `tensorboard --logdir gs://…`.",
}
"""By resource, or by resource and method; what is not here belongs to generative models."""


def instead_of(method_id: str) -> str:
    """A sentence.

    Args:
        method_id: Google's, ``aiplatform.projects.locations.datasets.create``.
    """
    parts = method_id.removeprefix("aiplatform.").removeprefix("projects.").removeprefix("locations.").split(".")
    return _BY_RESOURCE.get(".".join(parts[:2])) or _BY_RESOURCE.get(parts[0], _GENERATIVE)
