"""Google's own cloud, for ``cloud.backends.gcp``: the only code of ``cloud`` that imports Google's client libraries."""
