"""Where Artifact Registry's API is found. Pure."""

_REGION = r"(?:[a-z]{2,20}-[a-z]{2,20}\d{1,2}|us|eu|europe|asia)"
HOSTS = rf"artifactregistry(?:\.mtls|\.{_REGION}\.rep)?\.googleapis\.com"
DOCKER_HOSTS = rf"(?:{_REGION}-docker\.pkg\.dev|(?:(?:us|eu|asia)\.)?gcr\.io)"
"""Those of the registries themselves."""
DOCKER_PATHS = r"/v2(?:/.*)?"
DOCKER_SIGN_IN = r"/v2/token"
