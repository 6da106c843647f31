"""The project, the bucket, and what the ML service account may do in it."""

from collections.abc import Iterable, Mapping

from cloud.engine.project.roles import includes
from cloud.errors import InvalidArgument
from cloud.lab.api import NotThere
from cloud.lab.checks.outcome import Lab, Outcome, done, not_yet
from cloud.names import check_bucket
from cloud.resources import Json

ML, STORAGE, PROJECTS = "ml.googleapis.com", "storage.googleapis.com", "cloudresourcemanager.googleapis.com"
_ANYBODY = ("allUsers", "allAuthenticatedUsers")
_READERS = ("READER", "OWNER")


def project(lab: Lab) -> Outcome:
    names = lab.names
    if not names.project:
        return not_yet(
            "there is no PROJECT in names.env. Write the file in the cell above.",
            "no hay PROJECT en names.env. Escribe el archivo en la celda de arriba.",
        )
    if names.project != lab.served_project:
        return not_yet(
            f"this cloud serves {lab.served_project}, not {names.project}: at Google, too, a letter too many is "
            "“Permission denied”. Mend PROJECT in names.env.",
            f"esta nube sirve {lab.served_project}, no {names.project}: también en Google una letra de más da "
            "«Permission denied». Corrige PROJECT en names.env.",
        )
    missing = [name for name, value in (("BUCKET", names.bucket), ("REGION", names.region)) if not value]
    if missing:
        listed = ", ".join(missing)
        return not_yet(f"names.env has no {listed}. Add it there.", f"en names.env falta {listed}. Añádelo allí.")
    return done(f"the project is {names.project}", f"el proyecto es {names.project}")


def bucket(lab: Lab) -> Outcome:
    name, region = lab.bucket, lab.names.region
    if not name:
        return not_yet(
            "there is no BUCKET in names.env. See the first section.",
            "no hay BUCKET en names.env. Mira la primera sección.",
        )
    try:
        check_bucket(name)
    except InvalidArgument as error:
        return not_yet(
            f"no bucket can be called {name!r}: {error.message}. Lower case, digits and dashes are safe.",
            f"ningún depósito puede llamarse {name!r}: usa solo minúsculas, cifras y guiones.",
        )
    try:
        found = lab.api.get(STORAGE, f"/storage/v1/b/{name}")
    except NotThere as error:
        if error.status == 403:
            return not_yet(
                f"gs://{name} belongs to somebody else: names of buckets are shared by the whole world. Choose "
                "another.",
                f"gs://{name} es de otra persona: los nombres de depósitos son únicos en el mundo. Elige otro.",
            )
        return not_yet(
            f"there is no bucket gs://{name}. Make it: gsutil mb -l {region or 'us-central1'} gs://{name}",
            f"no existe el depósito gs://{name}. Créalo: gsutil mb -l {region or 'us-central1'} gs://{name}",
        )
    if region and found["location"].lower() != region.lower():
        return not_yet(
            f"gs://{name} is in {found['location']}, and jobs would run in {region}. Remove it and make it there: "
            f"gsutil rb gs://{name}; gsutil mb -l {region} gs://{name}",
            f"gs://{name} está en {found['location']}, y los trabajos correrían en {region}. Bórralo y créalo allí: "
            f"gsutil rb gs://{name}; gsutil mb -l {region} gs://{name}",
        )
    return done(f"gs://{name} is in {found['location']}", f"gs://{name} está en {found['location']}")


def grant(lab: Lab) -> Outcome:
    name = lab.bucket
    if not bucket(lab).is_done:
        return bucket(lab)
    account = str(lab.api.get(ML, f"/v1/projects/{lab.project}:getConfig")["serviceAccount"])
    may = _Rights(lab, name, account)
    if may.has_no_acls() and not may.everything():
        role = f"gcloud storage buckets add-iam-policy-binding gs://{name} --role=roles/storage.objectAdmin "
        role += f"--member=serviceAccount:{account}"
        return not_yet(
            f"gs://{name} has uniform access, which switches access control lists off: gsutil acl and defacl are "
            "refused "
            f"there. Grant a role: {role}",
            f"gs://{name} tiene acceso uniforme, que desactiva las listas de control de acceso: gsutil acl y defacl se "
            f"rechazan allí. Asígnale un rol: {role}",
        )
    if not may.on_bucket("storage.objects.create"):
        return not_yet(
            f"{account} may not write to gs://{name}: a job could not save its model. "
            f"gsutil acl ch -u {account}:W gs://{name}",
            f"{account} no puede escribir en gs://{name}: un trabajo no podría guardar su modelo. "
            f"gsutil acl ch -u {account}:W gs://{name}",
        )
    if not may.on_bucket("storage.objects.list"):
        return not_yet(
            f"{account} may not list gs://{name}: gsutil acl ch -u {account}:R gs://{name}",
            f"{account} no puede listar gs://{name}: gsutil acl ch -u {account}:R gs://{name}",
        )
    if not may.read_new_objects():
        return not_yet(
            f"{account} may not read what you will upload to gs://{name}. Let it, before you upload: "
            f"gsutil defacl ch -u {account}:R gs://{name}",
            f"{account} no podrá leer lo que subas a gs://{name}. Dale permiso antes de subirlo: "
            f"gsutil defacl ch -u {account}:R gs://{name}",
        )
    if unreadable := may.unreadable_objects():
        return not_yet(
            f"{account} may not read gs://{name}/{unreadable[0]}, which was there before the grant: "
            f"gsutil -m acl ch -u {account}:R -r gs://{name}",
            f"{account} no puede leer gs://{name}/{unreadable[0]}, que estaba antes del permiso: "
            f"gsutil -m acl ch -u {account}:R -r gs://{name}",
        )
    return done(
        f"{account} may list, read and write in gs://{name}",
        f"{account} puede listar, leer y escribir en gs://{name}",
    )


class _Rights:
    """Of the ML service account in the bucket, by its policy, the project's, and access control lists."""

    def __init__(self, lab: Lab, bucket: str, account: str) -> None:
        self._lab, self._bucket, self._account = lab, bucket, account
        policies = [
            lab.api.get(STORAGE, f"/storage/v1/b/{bucket}/iam"),
            lab.api.send(PROJECTS, f"/v1/projects/{lab.project}:getIamPolicy", {}),
        ]
        self._bindings: list[Mapping[str, Json]] = [
            binding for policy in policies for binding in policy.get("bindings", [])
        ]

    def on_bucket(self, permission: str) -> bool:
        members = (f"serviceAccount:{self._account}", *_ANYBODY)
        return any(
            includes(binding["role"], permission) and any(member in members for member in binding["members"])
            for binding in self._bindings
        )

    def everything(self) -> bool:
        return all(self.on_bucket(f"storage.objects.{verb}") for verb in ("create", "get", "list"))

    def has_no_acls(self) -> bool:
        bucket = self._lab.api.get(STORAGE, f"/storage/v1/b/{self._bucket}")
        return bool(bucket.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {}).get("enabled"))

    def read_new_objects(self) -> bool:
        if self.on_bucket("storage.objects.get"):
            return True
        bucket = self._lab.api.get(STORAGE, f"/storage/v1/b/{self._bucket}", projection="full")
        return self._is_in(bucket.get("defaultObjectAcl", []))

    def unreadable_objects(self) -> list[str]:
        """Of the first ones."""
        if self.on_bucket("storage.objects.get"):
            return []
        page = self._lab.api.get(STORAGE, f"/storage/v1/b/{self._bucket}/o", projection="full", maxResults="200")
        return [item["name"] for item in page.get("items", []) if not self._is_in(item.get("acl", []))]

    def _is_in(self, entries: Iterable[Mapping[str, Json]]) -> bool:
        entities = (f"user-{self._account}", *_ANYBODY)
        return any(entry["entity"] in entities and entry["role"] in _READERS for entry in entries)
