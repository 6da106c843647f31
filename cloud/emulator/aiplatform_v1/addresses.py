"""Where Vertex AI is found: hosts, paths, its own OAuth scopes. Pure."""

REGION = r"[a-z]{2,20}-[a-z]{2,20}\d{1,2}"
HOSTS = rf"(?:{REGION}-)?(?:prediction-)?aiplatform(?:\.mtls|\.{REGION}\.rep)?\.googleapis\.com"
"""The global endpoint and the regional ones; gcloud sends predictions to hosts of their own."""
SCOPES = r"aiplatform"
DOCUMENT_PATHS = {HOSTS: r"/\$discovery/rest"}
"""Where clients look for this API's discovery document."""
LOOPBACK_PATHS = r"/(?:v1|v1beta1|ui)/projects/[^/]+/locations(?:/.*)?"
"""What is this API's at an address of this machine (the SDK's ``api_endpoint``)."""
