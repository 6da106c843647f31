"""Where ML Engine is found. Pure."""

HOSTS = r"(?:[a-z]{2,20}-[a-z]{2,20}\d{1,2}-)?ml\.googleapis\.com|ml\.mtls\.googleapis\.com"
"""The global endpoint and the regional ones."""
DOCUMENT_PATHS = {
    "storage.googleapis.com": r"/cloud-ml/discovery/ml_v1_discovery\.json",
    "www.googleapis.com": r"/discovery/v1/apis/ml/v1/rest",
    HOSTS: r"/\$discovery/rest",
}
"""Where clients look for this API's discovery document; the first is the address in Google's course."""
