# Runs a staged trainer on Vertex AI: docker build -f docker/training.Dockerfile -t IMAGE .
FROM python:3.11-slim

WORKDIR /src
COPY pyproject.toml README.md ./
COPY cloud cloud
COPY trainer trainer
# Add the requirements of your own trainer: nothing is downloaded when a job starts.
RUN pip install --no-cache-dir . && rm -rf /src/*

WORKDIR /root
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["python3", "-m", "cloud.containers.training"]
