"""What runs inside the images that ``docker/`` builds; nothing else imports it."""
