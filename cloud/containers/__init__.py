"""The programs inside the images that ``docker/`` builds; nothing else imports them."""
