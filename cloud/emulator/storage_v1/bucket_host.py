"""Where the bucket is in the address of a request of the XML API."""

_BUCKET_HOST = ".storage.googleapis.com"


def bucket_of_host(host: str) -> str | None:
    """The bucket in a host name; None for the API's own host."""
    host = host.partition(":")[0].lower()
    return host.removesuffix(_BUCKET_HOST) if host.endswith(_BUCKET_HOST) else None
