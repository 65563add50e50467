locals {
  # Kept sensitive value by value; which of them are set is no secret.
  secret_values = {
    elevenlabs-api-key        = var.elevenlabs_api_key
    elevenlabs-webhook-secret = var.elevenlabs_webhook_secret
    media-token               = var.media_token
    control-token             = var.control_token
    events-secret             = var.events_secret
    exotel-token              = var.exotel_token
  }
  secrets = toset([for key, value in local.secret_values : key if nonsensitive(value != "")])

  # Environment variable → secret, for each part that gets it. Nothing here is ever a plain variable.
  part_secrets = {
    for part, names in {
      relay    = { ELEVENLABS_API_KEY = "elevenlabs-api-key", MEDIA_TOKEN = "media-token", CONTROL_TOKEN = "control-token", EVENTS_SECRET = "events-secret" }
      webhook  = { ELEVENLABS_API_KEY = "elevenlabs-api-key", ELEVENLABS_WEBHOOK_SECRET = "elevenlabs-webhook-secret", EVENTS_SECRET = "events-secret" }
      sweep    = { ELEVENLABS_API_KEY = "elevenlabs-api-key", ELEVENLABS_WEBHOOK_SECRET = "elevenlabs-webhook-secret", EVENTS_SECRET = "events-secret" }
      transfer = { EXOTEL_TOKEN = "exotel-token" }
    } : part => { for variable, key in names : variable => key if contains(local.secrets, key) }
  }
  secret_readers = merge([
    for part, names in local.part_secrets : { for key in values(names) : "${part}/${key}" => { part = part, key = key } }
  ]...)
}

resource "google_secret_manager_secret" "secret" {
  for_each = local.secrets

  secret_id = "${var.name}-${each.value}"

  # In the region only, as everything else: records and keys of Indian callers stay in India.
  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_version" "secret" {
  for_each = local.secrets

  secret = google_secret_manager_secret.secret[each.value].id

  # Write-only: the value is neither in the state nor in a plan; a part of its hash tells Terraform that it changed.
  secret_data_wo         = local.secret_values[each.value]
  secret_data_wo_version = nonsensitive(parseint(substr(sha256("${var.name}/${each.value}/${local.secret_values[each.value]}"), 0, 7), 16))

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
