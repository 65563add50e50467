# Values come in as ephemeral variables and are written by write-only arguments: none is in the state, in a plan or in an
# output. `console deploy` makes the tokens, reads them back at every later deploy, and prints the addresses that hold them.

locals {
  # Ephemeral, and so nothing that counts or names resources.
  secret_values = {
    media_token               = var.media_token
    exotel_token              = var.exotel_token
    events_secret             = var.events_secret
    control_token             = var.control_token
    elevenlabs_api_key        = var.elevenlabs_api_key
    elevenlabs_webhook_secret = var.elevenlabs_webhook_secret
    raw_bodies_key            = var.raw_bodies_key
  }

  # Environment variable → secret, for each part that gets it. Nothing here is ever a plain variable.
  part_secrets = {
    for part, names in {
      relay    = { ELEVENLABS_API_KEY = "elevenlabs_api_key", MEDIA_TOKEN = "media_token", CONTROL_TOKEN = "control_token", EVENTS_SECRET = "events_secret" }
      webhook  = { ELEVENLABS_API_KEY = "elevenlabs_api_key", ELEVENLABS_WEBHOOK_SECRET = "elevenlabs_webhook_secret", EVENTS_SECRET = "events_secret", RAW_BODIES_KEY = "raw_bodies_key" }
      sweep    = { ELEVENLABS_API_KEY = "elevenlabs_api_key", ELEVENLABS_WEBHOOK_SECRET = "elevenlabs_webhook_secret", EVENTS_SECRET = "events_secret", RAW_BODIES_KEY = "raw_bodies_key" }
      transfer = { EXOTEL_TOKEN = "exotel_token" }
    } : part => { for variable, key in names : variable => key if contains(keys(var.secret_versions), key) }
  }
  secret_readers = merge([
    for part, names in local.part_secrets : { for key in values(names) : "${part}/${key}" => { part = part, key = key } }
  ]...)
}

resource "google_secret_manager_secret" "secret" {
  for_each = var.secret_versions

  secret_id = "${var.name}-${replace(each.key, "_", "-")}"

  # In the region only, as everything else: records and keys of Indian callers stay in India.
  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = local.kms_keys
          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_version" "secret" {
  for_each = var.secret_versions

  secret = google_secret_manager_secret.secret[each.key].id

  secret_data_wo         = local.secret_values[each.key]
  secret_data_wo_version = each.value

  # A revision names the version it started with. One that is gone back to, or that starts another instance while its calls
  # last, must find it: old versions stay until somebody destroys them (docs/gcp.md).
  deletion_policy = "ABANDON"

  lifecycle {
    # The running revision keeps its version until the next one has taken over.
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.secret_readers

  secret_id = google_secret_manager_secret.secret[each.value.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.part[each.value.part].member
}

# --- From when their keys were written with hyphens ----------------------------------------------------------------

moved {
  from = google_secret_manager_secret.secret["media-token"]
  to   = google_secret_manager_secret.secret["media_token"]
}

moved {
  from = google_secret_manager_secret_version.secret["media-token"]
  to   = google_secret_manager_secret_version.secret["media_token"]
}

moved {
  from = google_secret_manager_secret.secret["exotel-token"]
  to   = google_secret_manager_secret.secret["exotel_token"]
}

moved {
  from = google_secret_manager_secret_version.secret["exotel-token"]
  to   = google_secret_manager_secret_version.secret["exotel_token"]
}

moved {
  from = google_secret_manager_secret.secret["control-token"]
  to   = google_secret_manager_secret.secret["control_token"]
}

moved {
  from = google_secret_manager_secret_version.secret["control-token"]
  to   = google_secret_manager_secret_version.secret["control_token"]
}

moved {
  from = google_secret_manager_secret.secret["events-secret"]
  to   = google_secret_manager_secret.secret["events_secret"]
}

moved {
  from = google_secret_manager_secret_version.secret["events-secret"]
  to   = google_secret_manager_secret_version.secret["events_secret"]
}

moved {
  from = google_secret_manager_secret.secret["elevenlabs-api-key"]
  to   = google_secret_manager_secret.secret["elevenlabs_api_key"]
}

moved {
  from = google_secret_manager_secret_version.secret["elevenlabs-api-key"]
  to   = google_secret_manager_secret_version.secret["elevenlabs_api_key"]
}

moved {
  from = google_secret_manager_secret.secret["elevenlabs-webhook-secret"]
  to   = google_secret_manager_secret.secret["elevenlabs_webhook_secret"]
}

moved {
  from = google_secret_manager_secret_version.secret["elevenlabs-webhook-secret"]
  to   = google_secret_manager_secret_version.secret["elevenlabs_webhook_secret"]
}
