"""What Google's images for training hold beside the job's package. Data only.

Sources: "Supported frameworks" of Vertex AI and the list of runtime versions of AI Platform Training (pandas, XGBoost,
scikit-learn, cloudml-hypertune, Google's clients); the log of a job of February 2026 in a prebuilt image, where pip
found these already there and had to fetch others (matplotlib, OpenCV, pydantic).
"""

FRAMEWORK = ("tensorflow", "keras", "tf-keras", "tensorboard")
"""The distributions of the framework in TensorFlow's images."""

BESIDE_FRAMEWORK = (
    "cloudml-hypertune",
    "google-api-core",
    "google-api-python-client",
    "google-auth",
    "google-auth-httplib2",
    "google-cloud-aiplatform",
    "google-cloud-bigquery",
    "google-cloud-bigquery-storage",
    "google-cloud-core",
    "google-cloud-logging",
    "google-cloud-storage",
    "numpy",
    "pandas",
    "pip",
    "pyyaml",
    "requests",
    "scikit-learn",
    "scipy",
    "setuptools",
    "six",
    "wheel",
    "xgboost",
)
"""The distributions that every image holds, with what they require."""

LIMITS = ("setuptools<81",)
"""The last with pkg_resources, which packages of the images' time import and do not require."""

_DISTRIBUTIONS = {
    "dateutil": "pandas",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud": "google-cloud-core",
    "google.cloud.aiplatform": "google-cloud-aiplatform",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.bigquery_storage": "google-cloud-bigquery-storage",
    "google.cloud.bigquery_storage_v1": "google-cloud-bigquery-storage",
    "google.cloud.logging": "google-cloud-logging",
    "google.cloud.storage": "google-cloud-storage",
    "google.oauth2": "google-auth",
    "google_auth_httplib2": "google-auth-httplib2",
    "googleapiclient": "google-api-python-client",
    "hypertune": "cloudml-hypertune",
    "joblib": "scikit-learn",
    "keras": "keras",
    "numpy": "numpy",
    "pandas": "pandas",
    "pip": "pip",
    "pkg_resources": "setuptools",
    "pytz": "pandas",
    "requests": "requests",
    "scipy": "scipy",
    "setuptools": "setuptools",
    "six": "six",
    "sklearn": "scikit-learn",
    "tensorboard": "tensorboard",
    "tensorflow": "tensorflow",
    "tf_keras": "tf-keras",
    "vertexai": "google-cloud-aiplatform",
    "wheel": "wheel",
    "xgboost": "xgboost",
    "yaml": "pyyaml",
}
"""By module: the distribution of the lists above that brings it, itself or by what it requires."""

_NAMESPACES = ("google", "google.cloud")  # distributions that no image holds have modules in them, too


def distribution_of(module: str) -> str | None:
    """The distribution by which Google's images hold ``module``, a dotted name; None if they do not hold it."""
    found = _DISTRIBUTIONS.get(module)
    while module and not found:
        module = module.rpartition(".")[0]
        found = None if module in _NAMESPACES else _DISTRIBUTIONS.get(module)
    return found
