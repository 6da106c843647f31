# Serves a SavedModel on Vertex AI: docker build -f docker/serving.Dockerfile -t IMAGE .
FROM python:3.11-slim

WORKDIR /src
COPY pyproject.toml README.md ./
COPY cloud cloud
COPY trainer trainer
RUN pip install --no-cache-dir . && rm -rf /src/*

# It only reads from the bucket, as the service account that the platform gives it.
RUN useradd --create-home server
USER server
WORKDIR /home/server
ENV PYTHONUNBUFFERED=1
EXPOSE 8080
ENTRYPOINT ["python3", "-m", "cloud.containers.serving"]
