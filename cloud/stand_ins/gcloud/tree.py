"""Every command and the module that has it: a command loads its own only. Tests compare it with the modules."""

MODULES: dict[str, tuple[str, ...]] = {
    "config": (
        *("config get-value", "config get", "config list", "config set", "config unset"),
        *("config configurations activate", "config configurations create", "config configurations delete"),
        *("config configurations describe", "config configurations list"),
    ),
    "auth": (
        *("auth activate-service-account", "auth list", "auth login", "auth print-access-token", "auth revoke"),
        *("auth application-default login", "auth application-default print-access-token", "auth configure-docker"),
        *("auth application-default revoke", "auth application-default set-quota-project"),
    ),
    "sdk": ("version", "info", "init", "components install", "components list", "components update"),
    "projects": (
        *("projects add-iam-policy-binding", "projects describe", "projects get-iam-policy", "projects list"),
        *("projects remove-iam-policy-binding",),
    ),
    "services": ("services enable", "services list"),
    "artifacts": (
        *("artifacts repositories create", "artifacts repositories delete", "artifacts repositories describe"),
        *("artifacts repositories list",),
    ),
    "regions": ("compute regions describe", "compute regions list"),
    "storage_objects": (
        *(
            "storage ls",
            "storage cat",
            "storage hash",
            "storage du",
            "storage rm",
            "storage objects describe",
            "storage objects list",
        ),
    ),
    "storage_copies": ("storage cp", "storage mv", "storage rsync"),
    "storage_buckets": (
        *("storage buckets add-iam-policy-binding", "storage buckets create", "storage buckets delete"),
        *("storage buckets describe", "storage buckets get-iam-policy", "storage buckets list"),
        *("storage buckets remove-iam-policy-binding", "storage buckets update"),
    ),
    "ml_submit": ("ai-platform jobs submit training", "ai-platform jobs submit prediction"),
    "ml_jobs": (
        *("ai-platform jobs cancel", "ai-platform jobs describe", "ai-platform jobs list"),
        *("ai-platform jobs stream-logs",),
    ),
    "ml_models": (
        *("ai-platform models create", "ai-platform models delete", "ai-platform models describe"),
        *("ai-platform models list",),
    ),
    "ml_versions": (
        *("ai-platform versions create", "ai-platform versions delete", "ai-platform versions describe"),
        *("ai-platform versions list", "ai-platform versions set-default"),
    ),
    "ml_predict": ("ai-platform predict",),
    "iam": (
        *("iam service-accounts create", "iam service-accounts delete", "iam service-accounts describe"),
        *("iam service-accounts list", "iam service-accounts keys create", "iam service-accounts keys list"),
    ),
    "vertex_endpoints": (
        *("ai endpoints create", "ai endpoints delete", "ai endpoints deploy-model", "ai endpoints describe"),
        *("ai endpoints list", "ai endpoints predict", "ai endpoints undeploy-model"),
    ),
    "vertex_models": ("ai models delete", "ai models describe", "ai models list", "ai models upload"),
    "vertex_jobs": (
        *("ai custom-jobs cancel", "ai custom-jobs create", "ai custom-jobs describe", "ai custom-jobs list"),
        *("ai custom-jobs stream-logs", "ai hp-tuning-jobs cancel", "ai hp-tuning-jobs create"),
        *("ai hp-tuning-jobs describe", "ai hp-tuning-jobs list", "ai hp-tuning-jobs stream-logs"),
    ),
    "ml_local": ("ai-platform local predict", "ai-platform local train"),
}
ALIASES = {"ml-engine": "ai-platform"}
TRACKS = ("alpha", "beta")

_PATHS = {tuple(path.split()): module for module, paths in MODULES.items() for path in paths}


def module_of(path: tuple[str, ...]) -> str | None:
    """The module of a whole command's path."""
    return _PATHS.get(path)


def below(path: tuple[str, ...]) -> list[str]:
    """The names that may follow; none for what is no group."""
    depth = len(path)
    return sorted({found[depth] for found in _PATHS if found[:depth] == path and len(found) > depth})


def all_paths() -> list[tuple[str, ...]]:
    return sorted(_PATHS)
