locals {
  # Cloud Run's longest request, and to it a media socket is one request. Exotel's own cap is 60 minutes too.
  relay_timeout_seconds = 3600

  relay_max_calls = var.relay_max_calls > 0 ? var.relay_max_calls : 100

  # On both clouds: relay_environment wins over what is only a default. What the rest of these files, or the cloud's own
  # limits, count on is refused there (variables.tf) and set here.
  relay_environment = merge(
    {
      ELEVENLABS_REGION = var.elevenlabs_region
      EVENTS_URL        = "${google_cloudfunctions2_function.function["webhook"].service_config[0].uri}/relay/events"
      STATS_SECONDS     = "60" # the dashboard is made for one line a minute
      # The relay hands a call over itself, with a reason, before Cloud Run cuts it without one.
      MAX_CALL_SECONDS = tostring(local.relay_timeout_seconds - 60)
    },
    var.domain_name == "" ? {} : { PUBLIC_URL = "wss://${var.domain_name}" },
    var.elevenlabs_agent_id == "" ? {} : { ELEVENLABS_AGENT_ID = var.elevenlabs_agent_id },
    var.lookup_url == "" ? {} : {
      LOOKUP_URL     = var.lookup_url
      LOOKUP_SECONDS = tostring(var.lookup_seconds)
      LOOKUP_SHAPE   = var.lookup_shape
    },
    var.relay_environment,
    {
      MAX_CALLS = tostring(local.relay_max_calls)
      # Ten seconds after SIGTERM Cloud Run kills, and it sends that to an instance with calls only when it must replace
      # it: waiting would save no call and take the time in which events reach a function that may have to start first.
      DRAIN_SECONDS = "0"
    },
  )

  # Secrets that exist outside: environment variable → id and version.
  relay_outside_secrets = {
    for variable, reference in var.relay_secrets : variable => { id = split(":", reference)[0], version = try(split(":", reference)[1], "latest") }
  }
}

resource "google_cloud_run_v2_service" "relay" {
  name                = "${var.name}-relay"
  location            = var.region
  description         = "Carries the sound of calls between Exotel and the agent"
  ingress             = var.domain_name == "" ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" # not round the balancer
  deletion_protection = false                                                                                    # the records' bucket is what needs protecting

  # On the service and not the revision: an old revision that still carries calls is not kept warm after its last one.
  scaling {
    min_instance_count = var.relay_min_instances
  }

  template {
    service_account                  = google_service_account.part["relay"].email
    timeout                          = "${local.relay_timeout_seconds}s"
    max_instance_request_concurrency = local.relay_max_calls
    session_affinity                 = false
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      max_instance_count = var.relay_max_instances
    }

    containers {
      image = "${local.image_repository}:${var.relay_image_tag}"

      # http1: Cloud Run carries WebSockets over HTTP/2 end to end only for servers that speak RFC 8441.
      ports {
        name           = "http1"
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = tostring(var.relay_cpu)
          memory = "${var.relay_memory}Mi"
        }
        cpu_idle          = false # instance-based: the pacer's clock must run whether or not a request is "active"
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.relay_environment
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = { for name, secret in local.part_secrets.relay : name => secret if !contains(keys(local.relay_outside_secrets), name) }
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.secret[env.value].secret_id
              version = google_secret_manager_secret_version.secret[env.value].version
            }
          }
        }
      }

      dynamic "env" {
        for_each = local.relay_outside_secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value.id
              version = env.value.version
            }
          }
        }
      }

      startup_probe {
        http_get {
          path = "/ready"
        }
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 30
      }

      # A restart cuts every call of the instance, so only a process that has been dead for a minute is restarted.
      liveness_probe {
        http_get {
          path = "/health"
        }
        period_seconds    = 15
        timeout_seconds   = 10
        failure_threshold = 4
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  # Two of one name are refused in the middle of an apply.
  lifecycle {
    precondition {
      condition     = length(setintersection(keys(local.relay_environment), keys(var.relay_secrets))) == 0
      error_message = "relay_secrets: ${join(", ", setintersection(keys(local.relay_environment), keys(var.relay_secrets)))} is a plain setting too; keep one of them."
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.reader, google_secret_manager_secret_iam_member.relay_outside]
}

# Public on purpose: Exotel can't present a Google identity; the token in the path is what the relay checks.
resource "google_cloud_run_v2_service_iam_member" "relay_public" {
  name     = google_cloud_run_v2_service.relay.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_secret_manager_secret_iam_member" "relay_outside" {
  for_each = toset([for secret in values(local.relay_outside_secrets) : secret.id])

  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.part["relay"].member
}
