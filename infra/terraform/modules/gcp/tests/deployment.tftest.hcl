# The logic of the files, with every answer of Google's mocked: `make test` runs these, and so does `terraform test`.

mock_provider "google" {
  mock_resource "google_cloud_run_v2_service" {
    defaults = {
      uri = "https://voice-bridge-relay-4qmz.a.run.app"
    }
  }
  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      service_config = { uri = "https://voice-bridge-function-4qmz.a.run.app" }
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
  package_directory   = "tests/packages"
  relay_image_tag     = "0123abcd"
  elevenlabs_agent_id = "agent_01example"
  elevenlabs_api_key  = "sk_for_tests_only_0000"
  media_token         = "media_token_for_tests_only"
  exotel_token        = "exotel_token_for_tests_only"
  control_token       = "control_token_for_tests_only"
  events_secret       = "events_secret_for_tests_only"
  transfer_targets    = { sales = "+918047100001" }

  # named, though it has a default: `terraform test` gives an ephemeral variable none
  elevenlabs_webhook_secret = ""
  raw_bodies_key            = ""
}

run "defaults" {
  assert {
    condition     = length(google_storage_bucket_object.agents) == 0
    error_message = "Nobody's agents' file is put into the bucket unasked."
  }
  assert {
    condition     = google_cloud_run_v2_service.relay.location == "asia-south1"
    error_message = "The default region is Mumbai."
  }
  assert {
    condition     = output.media_url == "wss://voice-bridge-relay-4qmz.a.run.app/media"
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

run "identities" {
  assert {
    condition = length(distinct(concat(
      [google_cloud_run_v2_service.relay.template[0].service_account],
      [for function in google_cloudfunctions2_function.function : function.service_config[0].service_account_email],
    ))) == 4
    error_message = "The relay and each function run as an account of their own."
  }
  assert {
    condition     = alltrue([for key, grant in google_secret_manager_secret_iam_member.reader : grant.member == google_service_account.part[split("/", key)[0]].member])
    error_message = "A secret is granted to the part that the grant is named after."
  }
  assert {
    condition     = alltrue([for key, grant in google_storage_bucket_iam_member.records : grant.member == google_service_account.part[split("/", key)[0]].member])
    error_message = "A prefix is granted to the part that the grant is named after."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.sweep_scheduler.member == google_service_account.part["scheduler"].member && google_cloud_scheduler_job.sweep.http_target[0].oidc_token[0].service_account_email == google_service_account.part["scheduler"].email
    error_message = "The schedule starts the sweep as the account that may."
  }
}

run "a_domain_puts_a_load_balancer_in_front" {
  variables {
    domain_name = "calls.example.in"
    dns_zone    = "example-in"
  }
  assert {
    condition     = output.media_url == "wss://calls.example.in/media"
    error_message = "With a domain Exotel is given the domain."
  }
  assert {
    condition     = google_cloud_run_v2_service.relay.ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" && google_compute_ssl_policy.relay["calls.example.in"].min_tls_version == "TLS_1_2"
    error_message = "Nobody gets round the load balancer, nor in by an old TLS."
  }
  assert {
    condition     = google_dns_record_set.relay["calls.example.in"].rrdatas == tolist(["203.0.113.7"]) && output.domain_address == "203.0.113.7"
    error_message = "The record points at the load balancer."
  }
  assert {
    condition     = one([for env in google_cloud_run_v2_service.relay.template[0].containers[0].env : env.value if env.name == "PUBLIC_URL"]) == "wss://calls.example.in"
    error_message = "The relay answers dynamic-URL requests with its public name."
  }
}

run "a_domain_kept_elsewhere_gets_no_record" {
  variables {
    domain_name = "calls.example.in"
  }
  assert {
    condition     = length(google_dns_record_set.relay) == 0 && output.domain_address == "203.0.113.7"
    error_message = "The address is printed for whoever keeps the zone."
  }
}

run "the_webhook_secret_comes_later" {
  assert {
    condition     = !contains(keys(google_secret_manager_secret.secret), "elevenlabs_webhook_secret") && !contains(keys(google_monitoring_alert_policy.alert), "webhook-silence")
    error_message = "Before the webhook was made there is no secret for it and no alarm that it is silent."
  }
}

run "the_webhook_secret_is_there" {
  variables {
    elevenlabs_webhook_secret = "wsec_new,wsec_old"
    raw_bodies_key            = "raw_bodies_key_for_tests_only"
    webhook_environment       = { RAW_BODIES = "encrypted" }
    secret_versions           = { media_token = 1, exotel_token = 1, control_token = 1, events_secret = 1, elevenlabs_api_key = 1, elevenlabs_webhook_secret = 7, raw_bodies_key = 1 }
  }
  assert {
    condition     = contains(keys(google_secret_manager_secret.secret), "elevenlabs_webhook_secret") && contains(keys(google_monitoring_alert_policy.alert), "webhook-silence")
    error_message = "With the secret, silence of the webhook is watched."
  }
  assert {
    condition     = contains([for env in google_cloudfunctions2_function.function["webhook"].service_config[0].secret_environment_variables : env.key], "ELEVENLABS_WEBHOOK_SECRET")
    error_message = "The webhook function is given its secret."
  }
  assert {
    condition     = alltrue([for part in ["webhook", "sweep"] : contains([for env in google_cloudfunctions2_function.function[part].service_config[0].secret_environment_variables : env.key], "RAW_BODIES_KEY")]) && !contains([for env in google_cloudfunctions2_function.function["transfer"].service_config[0].secret_environment_variables : env.key], "RAW_BODIES_KEY")
    error_message = "The webhook function and the sweep alone have the key of the raw bodies."
  }
  assert {
    condition     = anytrue([for rule in google_storage_bucket.records.lifecycle_rule : toset(one(rule.condition).matches_prefix) == toset(["pending/", "recordings/"]) && one(rule.condition).days_since_noncurrent_time == 1])
    error_message = "A piece that was joined goes with its old versions."
  }
}

run "refuses_a_secret_as_a_plain_setting_of_the_webhook" {
  command = plan

  variables {
    webhook_environment = { ELEVENLABS_API_KEY = "in plain" }
  }

  expect_failures = [var.webhook_environment]
}

run "refuses_a_setting_that_is_plain_and_secret" {
  command = plan

  variables {
    relay_environment = { LOOKUP_URL = "https://crm.example.in/look-up" }
    relay_secrets     = { LOOKUP_URL = "lookup" }
  }

  expect_failures = [google_cloud_run_v2_service.relay]
}

run "refuses_encryption_without_its_key" {
  command = plan

  variables {
    webhook_environment = { RAW_BODIES = "encrypted" }
  }

  expect_failures = [var.webhook_environment]
}

run "size_and_retention" {
  variables {
    name                   = "acme-calls"
    relay_max_calls        = 250
    relay_cpu              = 2
    records_retention_days = 30
    inbox_retention_days   = 7
    log_retention_days     = 90
    delete_records         = true
    sweep_minutes          = 60
    alarm_email            = "oncall@example.in"
    agents_file            = "versions.tf"
  }
  assert {
    condition     = one(google_storage_bucket_object.agents).name == "config/agents/seed.toml" && one(google_storage_bucket_object.agents).content == file("versions.tf")
    error_message = "The agents' file is put where no push writes."
  }
  assert {
    condition     = contains(one(google_storage_bucket.records.lifecycle_rule[0].condition).matches_prefix, "logs/") && contains(one(google_storage_bucket.records.lifecycle_rule[0].condition).matches_prefix, "callers/") && !contains(one(google_storage_bucket.records.lifecycle_rule[0].condition).matches_prefix, "config/")
    error_message = "Records go in time; the agents' file stays."
  }
  assert {
    condition     = google_cloud_run_v2_service.relay.template[0].max_instance_request_concurrency == 250 && one([for env in google_cloud_run_v2_service.relay.template[0].containers[0].env : env.value if env.name == "MAX_CALLS"]) == "250"
    error_message = "Concurrency and MAX_CALLS are one number."
  }
  assert {
    condition     = one(google_storage_bucket.records.lifecycle_rule[0].condition).age == 30 && one(google_storage_bucket.records.lifecycle_rule[1].condition).age == 7 && one(one(google_storage_bucket.records.lifecycle_rule[1].condition).matches_prefix) == "inbox/" && google_storage_bucket.records.force_destroy
    error_message = "Retention and permission to delete reach the bucket."
  }
  assert {
    condition     = google_logging_project_bucket_config.logs.retention_days == 90 && google_logging_project_bucket_config.logs.location == "asia-south1" && endswith(google_logging_project_sink.logs.destination, "/asia-south1/buckets/acme-calls-logs")
    error_message = "Logs stay in the region, for as long as is asked for."
  }
  assert {
    condition     = google_cloud_scheduler_job.sweep.schedule == "0 * * * *"
    error_message = "An hourly sweep runs on the hour; */60 is not a schedule."
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

run "further_settings_and_secrets" {
  variables {
    relay_environment    = { BACKGROUND_SOUND_VOLUME = "0.2", STATS_SECONDS = "30", EVENTS_URL = "https://mine.example.in/relay/events", MAX_CALL_SECONDS = "1800" }
    relay_secrets        = { OPENAI_API_KEY = "openai-api-key", MEDIA_BASIC_AUTH = "media-basic-auth:3", EVENTS_SECRET = "my-events" }
    webhook_environment  = { FETCH_AUDIO = "true", TRANSFER_TEAM_1_NUMBER = "+918047100009" }
    transfer_environment = { TRANSFER_WAIT_SECONDS = "8" }
  }
  assert {
    condition = { for env in google_cloud_run_v2_service.relay.template[0].containers[0].env : env.name => env.value if contains(["BACKGROUND_SOUND_VOLUME", "STATS_SECONDS", "EVENTS_URL", "DRAIN_SECONDS", "MAX_CALL_SECONDS"], env.name) } == {
      BACKGROUND_SOUND_VOLUME = "0.2"
      STATS_SECONDS           = "30"
      EVENTS_URL              = "https://mine.example.in/relay/events"
      DRAIN_SECONDS           = "0"
      MAX_CALL_SECONDS        = "1800"
    }
    error_message = "The relay's further settings win over our defaults."
  }
  assert {
    condition     = google_cloudfunctions2_function.function["webhook"].service_config[0].environment_variables.TRANSFER_TEAM_1_NUMBER == "+918047100009" && startswith(google_cloudfunctions2_function.function["webhook"].service_config[0].environment_variables.STORE, "gs://")
    error_message = "A function's further settings win over our defaults."
  }
  assert {
    condition     = one([for env in google_cloud_run_v2_service.relay.template[0].containers[0].env : env.value_source[0].secret_key_ref[0].version if env.name == "MEDIA_BASIC_AUTH"]) == "3"
    error_message = "A secret from outside is referred to with its version."
  }
  assert {
    condition     = one([for env in google_cloud_run_v2_service.relay.template[0].containers[0].env : env.value_source[0].secret_key_ref[0].secret if env.name == "EVENTS_SECRET"]) == "my-events"
    error_message = "A secret of your own takes the place of ours; two of one name Cloud Run would refuse."
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret_iam_member.relay_outside)) == toset(["openai-api-key", "media-basic-auth", "my-events"])
    error_message = "The relay may read the secrets it is given."
  }
  assert {
    condition     = google_cloudfunctions2_function.function["sweep"].service_config[0].environment_variables.FETCH_AUDIO == "true" && google_cloudfunctions2_function.function["transfer"].service_config[0].environment_variables.TRANSFER_WAIT_SECONDS == "8"
    error_message = "Further settings reach the functions."
  }
}

run "without_elevenlabs" {
  variables {
    elevenlabs_agent_id = ""
    elevenlabs_api_key  = ""
    secret_versions     = { media_token = 1, exotel_token = 1, control_token = 1, events_secret = 1 }
    relay_environment   = { AGENTS_FILE = "relay/config/agents.toml" }
    relay_secrets       = { OPENAI_API_KEY = "openai-api-key" }
  }
  assert {
    condition     = !contains([for env in google_cloud_run_v2_service.relay.template[0].containers[0].env : env.name], "ELEVENLABS_API_KEY") && !contains([for env in google_cloud_run_v2_service.relay.template[0].containers[0].env : env.name], "ELEVENLABS_AGENT_ID")
    error_message = "Who has no ElevenLabs agent need not invent a key."
  }
}

run "wrong_values_are_named" {
  command = plan
  variables {
    project                = "Acme Voice"
    name                   = "Calls"
    region                 = "asia-south1-a"
    relay_image_tag        = "latest"
    elevenlabs_region      = "mars"
    elevenlabs_api_key     = "short"
    transfer_targets       = { sales = "08047100001" }
    media_token            = "short"
    exotel_token           = "with/slash/in/the/middle/of/it"
    secret_versions        = { media_token = 0, exotel_token = 1, sesame = 1 }
    relay_environment      = { ELEVENLABS_API_KEY = "sk_plain" }
    relay_secrets          = { OPENAI_API_KEY = "projects/acme/secrets/openai" }
    relay_cpu              = 4
    relay_memory           = 256
    relay_max_calls        = 1
    relay_min_instances    = 0
    sweep_minutes          = 1
    records_retention_days = 0
    audio_retention_days   = -1
    inbox_retention_days   = 5000
    log_retention_days     = 0
    domain_name            = "https://calls.example.in/"
    alarm_email            = "oncall"
    kms_key_name           = "records"
    monthly_budget         = 1000
    billing_account        = "mine"
    alarm_thresholds       = { calls-refusd = 5 }
  }
  expect_failures = [
    var.project, var.name, var.region, var.relay_image_tag, var.elevenlabs_region, var.elevenlabs_api_key, var.transfer_targets,
    var.media_token, var.exotel_token, var.secret_versions, var.relay_environment, var.relay_secrets, var.relay_cpu, var.relay_memory,
    var.relay_max_calls, var.relay_min_instances, var.sweep_minutes, var.records_retention_days, var.audio_retention_days, var.inbox_retention_days, var.log_retention_days, var.domain_name, var.alarm_email,
    var.kms_key_name, var.billing_account, var.alarm_thresholds,
  ]
}

run "refuses_more_settings_than_a_function_takes" {
  command = plan

  variables {
    webhook_environment = { PRICES = join("", [for n in range(1000) : "# रुपये रुपये रुपये\n"]) }
  }

  expect_failures = [google_cloudfunctions2_function.function]
}

run "refuses_limits_that_nothing_could_keep" {
  command = plan

  variables {
    allowed_addresses    = ["Exotel"]
    requests_per_address = 10
  }

  expect_failures = [var.allowed_addresses, var.requests_per_address]
}

run "refuses_what_is_no_agent" {
  command = plan

  variables {
    elevenlabs_agent_id = "my agent"
  }

  expect_failures = [var.elevenlabs_agent_id]
}
