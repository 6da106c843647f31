"""Where Cloud Logging is found, and its own OAuth scopes. Pure."""

HOSTS = r"logging(?:\.mtls)?\.googleapis\.com"
SCOPES = r"logging\.(?:admin|read|write)"
