"""Programs that sign with Google's clients and use what is signed with others: each step runs in a process of its own,
with environment variables only, and prints its results as JSON."""

import datetime
import json
import subprocess
import sys
import urllib.request

HOUR = datetime.timedelta(hours=1)


def by_key(bucket):
    """With the key that the environment names, and read by three clients, at each address."""
    import google.auth
    import requests
    from google.cloud import storage

    credentials, _ = google.auth.default()
    client = storage.Client()
    blob = client.bucket(bucket).blob("d/ü +.txt")
    found = {"blob": [], "refused": []}
    for version in ("v2", "v4"):
        for address in (None, "https://storage.googleapis.com"):
            how = {"version": version, "api_access_endpoint": address, "credentials": credentials}
            put = blob.generate_signed_url(HOUR, method="PUT", content_type="text/plain", **how)
            found["blob"].append(
                requests.put(put, data=version, headers={"Content-Type": "text/plain"}, timeout=60).text
            )
            url = blob.generate_signed_url(HOUR, **how)
            found["blob"].append(requests.get(url, timeout=60).text)
            found["blob"].append(urllib.request.urlopen(url).read().decode())  # noqa: S310 (ours)
            found["blob"].append(subprocess.run(["curl", "-s", url], capture_output=True, text=True, check=True).stdout)
            found["refused"].append(requests.delete(url, timeout=60).status_code)
    how = {"version": "v4", "virtual_hosted_style": True, "credentials": credentials}
    url = blob.generate_signed_url(HOUR, api_access_endpoint="https://storage.googleapis.com", **how)
    found["virtual host"] = requests.get(url, timeout=60).text

    start = blob.generate_signed_url(HOUR, method="RESUMABLE", version="v4", credentials=credentials)
    begun = requests.post(start, headers={"x-goog-resumable": "start"}, timeout=60)
    found["resumable"] = [
        begun.status_code,
        requests.put(begun.headers["Location"], data="late", timeout=60).status_code,
    ]
    found["resumed"] = blob.download_as_text()

    policy = client.generate_signed_post_policy_v4(bucket, "form/${filename}", HOUR, credentials=credentials)
    file = {"file": ("a.txt", "formed")}
    found["form"] = requests.post(policy["url"], policy["fields"], files=file, timeout=60).status_code
    found["formed"] = client.bucket(bucket).blob("form/a.txt").download_as_text()
    return found


def bare(bucket):
    """As a program that was written for Google's cloud signs: it names no credentials."""
    import requests
    from google.cloud import storage

    url = storage.Client().bucket(bucket).blob("g").generate_signed_url(HOUR, version="v4")
    return [requests.get(url, timeout=60).text, requests.delete(url, timeout=60).status_code]


def by_sign_blob(bucket, write):
    """With the metadata server's account, which has no key here."""
    import requests
    from google.auth.compute_engine import Credentials
    from google.auth.transport.requests import Request
    from google.cloud import storage

    credentials = Credentials()
    credentials.refresh(Request())
    blob = storage.Client(credentials=credentials).bucket(bucket).blob("o")
    how = {"service_account_email": credentials.service_account_email, "access_token": credentials.token}
    found = {"signer": credentials.service_account_email}
    for version in ("v2", "v4"):
        url = blob.generate_signed_url(HOUR, version=version, method="PUT" if write else "GET", **how)
        found[version] = requests.request("PUT" if write else "GET", url, timeout=60).status_code
    return found


def as_another(bucket, email):
    """An address that another account has signed for the owner."""
    import google.auth
    from google.auth.transport.requests import Request
    from google.cloud import storage

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(Request())
    blob = storage.Client().bucket(bucket).blob("g")
    return blob.generate_signed_url(HOUR, version="v4", service_account_email=email, access_token=credentials.token)


STEPS = {step.__name__: step for step in (by_key, bare, by_sign_blob, as_another)}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(STEPS[sys.argv[1]](**json.loads(sys.argv[2]))))
