# The logic of the files, with every answer of Google's mocked: `make test` runs these, and so does `terraform test`.

mock_provider "google" {
  mock_resource "google_cloud_run_v2_service" {
    defaults = {
      uri = "https://voicebridge-relay-4qmz.a.run.app"
    }
  }
  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      service_config = { uri = "https://voicebridge-function-4qmz.a.run.app" }
    }
  }
  mock_resource "google_compute_global_address" {
    defaults = {
      address = "203.0.113.7"
    }
  }
}

variables {
  project             = "acme-voice"
  packages_dir        = "tests/packages"
  image               = "asia-south1-docker.pkg.dev/acme-voice/voicebridge/relay:0123abcd"
  elevenlabs_agent_id = "agent_01example"
  elevenlabs_api_key  = "sk_for_tests_only_0000"
  media_token         = "media_token_for_tests_only"
  exotel_token        = "exotel_token_for_tests_only"
  control_token       = "control_token_for_tests_only"
  events_secret       = "events_secret_for_tests_only"
  transfer_targets    = { sales = "+918047100001" }
}

run "defaults" {
  assert {
    condition     = google_cloud_run_v2_service.relay.location == "asia-south1"
    error_message = "The default region is Mumbai."
  }
  assert {
    condition     = output.voicebot_url == "wss://voicebridge-relay-4qmz.a.run.app/media/media_token_for_tests_only"
    error_message = "Without a domain the Voicebot URL is Cloud Run's own name."
  }
  assert {
    condition     = length(google_compute_backend_service.relay) == 0 && output.domain_address == ""
    error_message = "Without a domain there is no load balancer to pay for."
  }
  assert {
    condition     = length(google_monitoring_notification_channel.email) == 0
    error_message = "Without an address nobody is mailed."
  }
  assert {
    condition     = !google_storage_bucket.records.force_destroy
    error_message = "Destroy refuses to delete records unless told so."
  }
}

run "a_domain_puts_a_load_balancer_in_front" {
  variables {
    domain   = "calls.example.in"
    dns_zone = "example-in"
  }
  assert {
    condition     = output.voicebot_url == "wss://calls.example.in/media/media_token_for_tests_only"
    error_message = "With a domain Exotel is given the domain."
  }
  assert {
    condition     = google_dns_record_set.relay["calls.example.in"].rrdatas == tolist(["203.0.113.7"]) && output.domain_address == "203.0.113.7"
    error_message = "The record points at the load balancer."
  }
  assert {
    condition     = one([for env in google_cloud_run_v2_service.relay.template[0].containers[0].env : env.value if env.name == "PUBLIC_URL"]) == "https://calls.example.in"
    error_message = "The relay answers dynamic-URL requests with its public name."
  }
}

run "a_domain_kept_elsewhere_gets_no_record" {
  variables {
    domain = "calls.example.in"
  }
  assert {
    condition     = length(google_dns_record_set.relay) == 0 && output.domain_address == "203.0.113.7"
    error_message = "The address is printed for whoever keeps the zone."
  }
}

run "the_webhook_secret_comes_later" {
  assert {
    condition     = !contains(keys(google_secret_manager_secret.secret), "elevenlabs-webhook-secret") && !contains(keys(google_monitoring_alert_policy.alert), "webhook_silence")
    error_message = "Before the webhook was made there is no secret for it and no alarm that it is silent."
  }
}

run "the_webhook_secret_is_there" {
  variables {
    elevenlabs_webhook_secret = "wsec_new,wsec_old"
  }
  assert {
    condition     = contains(keys(google_secret_manager_secret.secret), "elevenlabs-webhook-secret") && contains(keys(google_monitoring_alert_policy.alert), "webhook_silence")
    error_message = "With the secret, silence of the webhook is watched."
  }
  assert {
    condition     = contains([for env in google_cloudfunctions2_function.function["webhook"].service_config[0].secret_environment_variables : env.key], "ELEVENLABS_WEBHOOK_SECRET")
    error_message = "The webhook function is given its secret."
  }
}

run "size_and_retention" {
  variables {
    name           = "acme-calls"
    max_calls      = 250
    max_relays     = 8
    relay_cpu      = 2
    retention_days = 30
    delete_records = true
    alarm_email    = "oncall@example.in"
  }
  assert {
    condition     = google_cloud_run_v2_service.relay.template[0].max_instance_request_concurrency == 250 && one([for env in google_cloud_run_v2_service.relay.template[0].containers[0].env : env.value if env.name == "MAX_CALLS"]) == "250"
    error_message = "Concurrency and MAX_CALLS are one number."
  }
  assert {
    condition     = one(google_storage_bucket.records.lifecycle_rule[0].condition).age == 30 && google_storage_bucket.records.force_destroy
    error_message = "Retention and permission to delete reach the bucket."
  }
  assert {
    condition     = google_cloud_run_v2_service.relay.name == "acme-calls-relay" && google_storage_bucket.records.name == "acme-voice-acme-calls-records"
    error_message = "Names carry the deployment's name."
  }
  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.alert : length(policy.notification_channels) == 1])
    error_message = "Every alarm reaches the address."
  }
}

run "wrong_values_are_named" {
  command = plan
  variables {
    project                 = "Acme Voice"
    name                    = "Calls"
    image                   = "relay:latest"
    elevenlabs_region       = "mars"
    elevenlabs_api_key      = "short"
    background_sound_volume = 1.5
    transfer_targets        = { sales = "08047100001" }
    ticket_service_url      = "http://tickets.example.in"
    media_token             = "short"
    max_calls               = 0
    min_relays              = 0
    domain                  = "https://calls.example.in/"
    alarm_email             = "oncall"
  }
  expect_failures = [
    var.project, var.name, var.image, var.elevenlabs_region, var.elevenlabs_api_key, var.background_sound_volume, var.transfer_targets,
    var.ticket_service_url, var.media_token, var.max_calls, var.min_relays, var.domain, var.alarm_email,
  ]
}
