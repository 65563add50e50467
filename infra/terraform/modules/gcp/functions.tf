locals {
  store = "gs://${google_storage_bucket.records.name}"

  # The sweep is the webhook's source with another entry point, out of the internet's reach. Each function has instances of
  # its own, and as many threads as an instance gets requests: the framework's default, four, would keep the fifth waiting.
  functions = {
    webhook = {
      package       = "webhook"
      public        = true
      memory        = "1Gi" # a webhook body may hold minutes of audio, and each request may have one
      timeout       = 60
      concurrency   = 8
      min_instances = 0
      environment   = local.webhook_environment
    }
    sweep = {
      package       = "webhook"
      public        = false
      memory        = "512Mi"
      timeout       = 120
      concurrency   = 1
      min_instances = 0
      environment   = local.webhook_environment
    }
    transfer = {
      package       = "transfer"
      public        = true
      memory        = "512Mi"
      timeout       = 15
      concurrency   = 120 # most of a request is waiting for a decision; none has a body worth the name
      min_instances = var.transfer_min_instances
      environment   = local.transfer_environment
    }
  }

  # As on AWS: a part's own map wins over the variables that stand for one setting.
  target_environment = merge(
    length(var.transfer_targets) > 0 ? { TRANSFER_TARGETS = jsonencode(var.transfer_targets) } : {},
    var.transfer_team_1_number != "" ? { TRANSFER_TEAM_1_NUMBER = var.transfer_team_1_number } : {},
    var.transfer_team_2_number != "" ? { TRANSFER_TEAM_2_NUMBER = var.transfer_team_2_number } : {},
  )
  webhook_environment  = merge(local.target_environment, { ELEVENLABS_REGION = var.elevenlabs_region }, var.webhook_environment, { STORE = local.store })
  transfer_environment = merge(local.target_environment, var.transfer_environment, { STORE = local.store })

  # Names and values in UTF-8: base64 counts bytes, and length characters.
  environment_bytes = { for part, one in local.functions : part => ceil(length(base64encode(join("", concat(keys(one.environment), values(one.environment))))) * 3 / 4) }

  # Which keys of the bucket each part may touch: docs/contracts.md, "Bucket". What it may create it may also overwrite:
  # nothing says that Cloud Storage looks at a write's precondition before that permission, and everything here that
  # happens once rests on being told 412 and not 403. An overwritten object is kept as an older version.
  webhook_keys  = { "roles/storage.objectUser" = ["audio/", "callers/", "calls/", "conversations/", "inbox/", "logs/", "pending/", "recordings/"], "roles/storage.objectViewer" = ["config/"] }
  transfer_keys = { "roles/storage.objectUser" = ["calls/", "conversations/", "logs/", "pending/"], "roles/storage.objectViewer" = ["callers/"] }

  bucket_grants = merge([
    for part, roles in { webhook = local.webhook_keys, sweep = local.webhook_keys, transfer = local.transfer_keys } : {
      for role, prefixes in roles : "${part}/${trimprefix(role, "roles/storage.")}" => { part = part, role = role, prefixes = prefixes }
    }
  ]...)
}

resource "google_storage_bucket_object" "package" {
  for_each = local.packages

  # The content is in the name: a changed archive is a new object, and so a new build of the function.
  name           = "functions/${each.key}-${substr(filesha256(each.value), 0, 16)}.zip"
  bucket         = google_storage_bucket.source.name
  source         = each.value
  detect_md5hash = filemd5(each.value)

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_cloudfunctions2_function" "function" {
  for_each = local.functions

  name        = "${var.name}-${each.key}"
  location    = var.region
  description = google_service_account.part[each.key].description

  build_config {
    runtime           = "python313"
    entry_point       = each.key
    service_account   = google_service_account.part["build"].id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.package[each.value.package].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.part[each.key].email
    available_cpu                    = "1"
    available_memory                 = each.value.memory
    timeout_seconds                  = each.value.timeout
    max_instance_request_concurrency = each.value.concurrency
    min_instance_count               = each.value.min_instances
    max_instance_count               = each.key == "sweep" ? 1 : var.function_max_instances
    ingress_settings                 = each.value.public ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision   = true
    environment_variables            = merge(each.value.environment, { THREADS = tostring(each.value.concurrency) })

    dynamic "secret_environment_variables" {
      for_each = local.part_secrets[each.key]
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = google_secret_manager_secret.secret[secret_environment_variables.value].secret_id
        version    = google_secret_manager_secret_version.secret[secret_environment_variables.value].version
      }
    }
  }

  lifecycle {
    precondition {
      condition     = local.environment_bytes[each.key] <= 32768
      error_message = "The settings of the ${each.key} function have ${local.environment_bytes[each.key]} bytes, and a function takes 32,768: shorten the longest, such as PRICES in webhook_environment."
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_source,
    google_secret_manager_secret_iam_member.reader,
    google_storage_bucket_iam_member.records,
  ]
}

# Public on purpose: Exotel and the agent's vendor can't present a Google identity. The webhook checks signatures, the
# transfer function its token.
resource "google_cloud_run_v2_service_iam_member" "function_public" {
  for_each = { for name, function in local.functions : name => function if function.public }

  name     = google_cloudfunctions2_function.function[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

# --- Records -------------------------------------------------------------------------------------------------------

resource "google_storage_bucket_iam_member" "records" {
  for_each = local.bucket_grants

  bucket = google_storage_bucket.records.name
  role   = each.value.role
  member = google_service_account.part[each.value.part].member

  condition {
    title = "only its prefixes"
    expression = join(" || ", [
      for prefix in each.value.prefixes :
      "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.records.name}/objects/${prefix}\")"
    ])
  }
}

# Names, not contents: without permission to list, Cloud Storage answers 403 instead of 404 for an object that is not there,
# and "not there yet" is an everyday answer here.
resource "google_storage_bucket_iam_member" "records_list" {
  for_each = toset([for grant in values(local.bucket_grants) : grant.part])

  bucket = google_storage_bucket.records.name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.part[each.value].member
}

# --- Agents ---------------------------------------------------------------------------------------------------------

# What counts until somebody pushes a version. Made once: from then on agents are changed by make agents-push, which
# writes other keys, so no apply can undo a push.
resource "google_storage_bucket_object" "agents" {
  count = var.agents_file == "" ? 0 : 1

  name         = "config/agents/seed.toml"
  bucket       = google_storage_bucket.records.name
  content      = file(var.agents_file)
  content_type = "application/toml"

  lifecycle {
    ignore_changes = all
  }
}

# --- Sweep ---------------------------------------------------------------------------------------------------------

resource "google_cloud_run_v2_service_iam_member" "sweep_scheduler" {
  name     = google_cloudfunctions2_function.function["sweep"].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.part["scheduler"].member
}

resource "google_cloud_scheduler_job" "sweep" {
  name             = "${var.name}-sweep"
  region           = var.region
  description      = "Fetches transcripts whose webhook was lost, closes records whose relay died"
  schedule         = var.sweep_minutes == 60 ? "0 * * * *" : "*/${var.sweep_minutes} * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "${local.functions.sweep.timeout}s"

  http_target {
    uri         = google_cloudfunctions2_function.function["sweep"].service_config[0].uri
    http_method = "POST"

    oidc_token {
      service_account_email = google_service_account.part["scheduler"].email
      audience              = google_cloudfunctions2_function.function["sweep"].service_config[0].uri
    }
  }

  # The next run is minutes away and does the same work.
  retry_config {
    retry_count = 1
  }

  depends_on = [google_cloud_run_v2_service_iam_member.sweep_scheduler]
}
