"""A class: a cloud for each student, one queue for all their jobs, and the teacher's page."""
