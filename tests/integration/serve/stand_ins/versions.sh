# A bucket that keeps versions.
gsutil mb -l us-central1 gs://BUCKET
gcloud storage buckets update gs://BUCKET --versioning
printf 'a\n' > a.csv
gsutil cp a.csv gs://BUCKET/a.csv
gsutil cp a.csv gs://BUCKET/a.csv
gsutil ls -al gs://BUCKET
gcloud storage buckets describe gs://BUCKET
gcloud storage rm -a gs://BUCKET/a.csv
gsutil cp a.csv gs://BUCKET/d/a.csv
gsutil rm gs://BUCKET/d/a.csv
gsutil ls -ar gs://BUCKET
gsutil rm -r gs://BUCKET
