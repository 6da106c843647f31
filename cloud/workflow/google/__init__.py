"""``cloud.run --backend gcp``: checks before a run, the dry run, clean-up after a crash."""
