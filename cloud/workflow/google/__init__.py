"""``cloud.run`` on Google's own cloud: what is looked at before, shown instead, and removed after."""
