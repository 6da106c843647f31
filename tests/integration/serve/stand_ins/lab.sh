# Commands of "Scale your TensorFlow model with Cloud ML Engine", and its usual mistakes. Each takes the real gcloud a
# second or more, so these are not all.
gcloud config set project lab-project
gcloud config set compute/region us-central1
gcloud config list --format 'value(core.project)'
gsutil mb -l us-central1 gs://BUCKET
gsutil mb -l us-central1 gs://BUCKET
gsutil -m acl ch -u service@example.com:W gs://BUCKET
printf '1,2\n' > a.csv; mkdir trainer; touch trainer/__init__.py; echo 'print(1)' > trainer/task.py
gsutil -m cp a.csv gs://BUCKET/data/
gsutil -m acl ch -u service@example.com:R -r gs://BUCKET
gsutil ls -l gs://BUCKET/data
gcloud ai-platform jobs submit training JOB --region=us-central1 --module-name=trainer.task --package-path=trainer --job-dir=gs://BUCKET/out --staging-bucket=gs://BUCKET --scale-tier=BASIC --runtime-version=2.3 --python-version=3.7 -- --train_steps=10 --output_dir=gs://BUCKET/out
gcloud ai-platform jobs submit training JOB_2 --region=us-central1 --module-name=trainer.task --package-path=none --job-dir=gs://BUCKET/out
gcloud ai-platform jobs describe none
gcloud ai-platform models create JOB_model --regions us-central1
gcloud ai-platform versions create v1 --model JOB_model --origin gs://BUCKET/none/ --runtime-version 2.3 --python-version 3.7
gcloud ai-platform models delete JOB_model --quiet
gsutil -m rm -rf gs://BUCKET/none
gcloud storage cp a.csv gs://BUCKET/more/
