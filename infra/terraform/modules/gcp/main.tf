locals {
  kms_keys = compact([var.kms_key_name]) # a key of your own; none for Google's

  packages = { for part in ["webhook", "transfer"] : part => "${var.package_directory}/${part}-gcp.zip" }

  apis = toset(concat([
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ], var.domain_name == "" ? [] : ["compute.googleapis.com"], var.dns_zone == "" ? [] : ["dns.googleapis.com"], var.monthly_budget > 0 ? ["billingbudgets.googleapis.com"] : []))
}

# Everything below waits for the APIs, directly or through what it refers to: the first apply in a new project would
# otherwise fail at random.
resource "google_project_service" "api" {
  for_each = local.apis

  project            = var.project
  service            = each.value
  disable_on_destroy = false # something else in the project may use it
}

# --- Identities: one a part, each with what it needs and no more ---------------------------------------------------

resource "google_service_account" "part" {
  for_each = {
    relay     = "Carries calls; reads its own secrets, nothing else"
    webhook   = "Stores transcripts and events"
    sweep     = "Fetches what never arrived"
    transfer  = "Answers Exotel's Connect and Passthru requests"
    scheduler = "Starts the sweep"
    build     = "Builds the images of the relay and the functions"
  }

  account_id   = "${var.name}-${each.key}"
  display_name = "${var.name} ${each.key}"
  description  = each.value
  depends_on   = [google_project_service.api]
}

# --- Images --------------------------------------------------------------------------------------------------------

resource "google_artifact_registry_repository" "images" {
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the relay and the functions"

  docker_config {
    immutable_tags = false # the functions' builder moves its own tags
  }

  cleanup_policies {
    id     = "keep-for-rollback"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.part["build"].member
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.part["build"].member
}

# A build reads its source: ours, and the copy that Cloud Functions makes in a bucket of its own. Never the records.
resource "google_project_iam_member" "build_source" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.part["build"].member

  condition {
    title = "only sources"
    expression = join(" || ", [
      for bucket in [google_storage_bucket.source.name, "gcf-v2-sources-", "gcf-v2-uploads-"] :
      "resource.name.startsWith(\"projects/_/buckets/${bucket}\")"
    ])
  }
}

# --- Buckets -------------------------------------------------------------------------------------------------------

resource "google_storage_bucket" "records" {
  name                        = "${var.project}-${var.name}-records"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.delete_records

  versioning {
    enabled = true
  }

  # With versions and soft delete a record can be had back for 7 + 7 days after its retention, then it is gone.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age        = var.records_retention_days
      with_state = "LIVE"
      # All but the agents' file and its versions (config/), which are no records.
      matches_prefix = [for prefix in distinct(concat(flatten(values(local.webhook_keys)), flatten(values(local.transfer_keys)))) : prefix if prefix != "config/"]
    }
  }

  # Objects that are kept for a shorter time.
  dynamic "lifecycle_rule" {
    for_each = { for prefix, days in { audio = var.audio_retention_days, recordings = var.audio_retention_days, inbox = var.inbox_retention_days } : prefix => days if days > 0 }
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value
        with_state     = "LIVE"
        matches_prefix = ["${lifecycle_rule.key}/"]
      }
    }
  }

  # What a running call has told so far is written every few seconds, and pieces of a recording go once the file made of
  # them was read back and compared: there is no mistake to undo.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 1
      matches_prefix             = ["pending/", "recordings/"]
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 7
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  dynamic "encryption" {
    for_each = local.kms_keys
    content {
      default_kms_key_name = encryption.value
    }
  }

  # `console deploy gcp destroy`, or ALLOW_DESTROY by name, lift this for as long as they run.
  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket" "source" {
  #checkov:skip=CKV_GCP_78:an archive is named by its content and can be rebuilt from git
  name                        = "${var.project}-${var.name}-source"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # created again by every deploy

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 7
      matches_prefix = ["build/"] # the relay's source, as Cloud Build gets it
    }
  }

  depends_on = [google_project_service.api]
}
