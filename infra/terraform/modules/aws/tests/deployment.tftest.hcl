# The logic of the files, with every answer of AWS mocked. `make test` runs these, in a copy of the files with
# tests/token_override.tf among them.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = {
      names = ["ap-south-1a", "ap-south-1b", "ap-south-1c"]
    }
  }
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }
  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\": \"2012-10-17\", \"Statement\": []}"
    }
  }
  mock_data "aws_secretsmanager_secret_version" {
    defaults = {
      secret_string = "token_for_tests_only"
    }
  }
  mock_data "aws_ec2_managed_prefix_list" {
    defaults = {
      id = "pl-9aa247f3"
    }
  }
  mock_resource "aws_cloudfront_distribution" {
    defaults = {
      domain_name = "d111111abcdef8.cloudfront.net"
    }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = {
      api_endpoint  = "https://a1b2c3d4e5.execute-api.ap-south-1.amazonaws.com"
      execution_arn = "arn:aws:execute-api:ap-south-1:123456789012:a1b2c3d4e5"
    }
  }
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:ap-south-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
      domain_validation_options = [{
        domain_name           = "calls.example.com"
        resource_record_name  = "_1.calls.example.com."
        resource_record_type  = "CNAME"
        resource_record_value = "_2.acm-validations.aws."
      }]
    }
  }
  mock_resource "aws_acm_certificate_validation" {
    defaults = {
      certificate_arn = "arn:aws:acm:ap-south-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    }
  }
  mock_resource "aws_lb" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:ap-south-1:123456789012:loadbalancer/app/voice-bridge/0123456789abcdef"
      arn_suffix = "app/voice-bridge/0123456789abcdef"
    }
  }
  mock_resource "aws_lb_target_group" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:ap-south-1:123456789012:targetgroup/voice-bridge/0123456789abcdef"
      arn_suffix = "targetgroup/voice-bridge/0123456789abcdef"
    }
  }
  mock_resource "aws_lb_listener" {
    defaults = {
      arn = "arn:aws:elasticloadbalancing:ap-south-1:123456789012:listener/app/voice-bridge/0123456789abcdef/0123456789abcdef"
    }
  }
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/voice-bridge"
    }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = {
      arn = "arn:aws:ecs:ap-south-1:123456789012:cluster/voice-bridge"
      id  = "arn:aws:ecs:ap-south-1:123456789012:cluster/voice-bridge"
    }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = {
      arn = "arn:aws:ecs:ap-south-1:123456789012:task-definition/voice-bridge-relay:1"
    }
  }
  mock_resource "aws_ecs_service" {
    defaults = {
      id = "arn:aws:ecs:ap-south-1:123456789012:service/voice-bridge/relay"
    }
  }
  mock_resource "aws_lambda_function" {
    defaults = {
      arn        = "arn:aws:lambda:ap-south-1:123456789012:function:voice-bridge"
      invoke_arn = "arn:aws:apigateway:ap-south-1:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-south-1:123456789012:function:voice-bridge/invocations"
    }
  }
  mock_resource "aws_lambda_alias" {
    defaults = {
      arn        = "arn:aws:lambda:ap-south-1:123456789012:function:voice-bridge:live"
      invoke_arn = "arn:aws:apigateway:ap-south-1:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-south-1:123456789012:function:voice-bridge:live/invocations"
    }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:ap-south-1:123456789012:log-group:voice-bridge"
    }
  }
  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:ap-south-1:123456789012:voice-bridge-failed-sweeps"
    }
  }
  mock_resource "aws_sns_topic" {
    defaults = {
      arn = "arn:aws:sns:ap-south-1:123456789012:voice-bridge-alarms"
    }
  }
  mock_resource "aws_appautoscaling_policy" {
    defaults = {
      arn = "arn:aws:autoscaling:ap-south-1:123456789012:scalingPolicy:1"
    }
  }
  mock_resource "aws_s3_bucket" {
    defaults = {
      arn = "arn:aws:s3:::voice-bridge-records-123456789012-ap-south-1"
    }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = {
      arn = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:voice-bridge/x-AbCdEf"
    }
  }
}

variables {
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

run "three_settings_are_enough" {
  assert {
    condition     = length(aws_s3_object.agents) == 0
    error_message = "Nobody's agents' file is put into the bucket unasked."
  }
  assert {
    condition     = output.media_url == "wss://d111111abcdef8.cloudfront.net/media"
    error_message = "Without a domain the Voicebot URL is CloudFront's own name."
  }
  assert {
    condition     = output.connect_url == "https://a1b2c3d4e5.execute-api.ap-south-1.amazonaws.com/exotel/connect"
    error_message = "No output holds a token: the deploy command adds it."
  }
  assert {
    condition     = length(aws_acm_certificate.relay) + length(aws_lb_listener.https) + length(aws_route53_record.relay) == 0
    error_message = "Without a domain there is nothing of one."
  }
  assert {
    condition     = length(aws_subnet.public) == 2 && length(toset(aws_subnet.public[*].availability_zone)) == 2
    error_message = "The relay runs in two zones."
  }
  assert {
    condition     = aws_s3_bucket.records.bucket == "voice-bridge-records-123456789012-ap-south-1" && !aws_s3_bucket.records.force_destroy
    error_message = "The bucket's name is unique, and destroy does not empty it."
  }
  assert {
    condition     = { for pair in jsondecode(aws_ecs_task_definition.relay.container_definitions)[0].environment : pair.name => pair.value }["MAX_CALLS"] == "50"
    error_message = "Half a vCPU takes 50 calls."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.relay.container_definitions)[0].mountPoints == [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }] && [for volume in aws_ecs_task_definition.relay.volume : volume.name] == ["tmp"] && jsondecode(aws_ecs_task_definition.relay.container_definitions)[0].readonlyRootFilesystem
    error_message = "Pieces of recordings wait on the task's disk; nothing else can be written to."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.many_calls.threshold == 50 && aws_cloudwatch_metric_alarm.few_calls.threshold == 20
    error_message = "Scale out above 50 % of the calls; scale in where one task fewer still has less than that."
  }
  assert {
    condition     = !contains(keys(aws_secretsmanager_secret.secret), "elevenlabs_webhook_secret") && !contains(keys(aws_cloudwatch_metric_alarm.computed), "webhook-silence")
    error_message = "Without a webhook secret there is no entry for it and no alarm that the webhook is silent."
  }
  assert {
    condition     = length(aws_sns_topic_subscription.mail) == 0
    error_message = "Without an address nobody is mailed."
  }
}

run "with_a_domain" {
  variables {
    domain_name    = "calls.example.com"
    hosted_zone_id = "Z0123456789ABCDEFGHIJ"

    allowed_addresses    = ["203.0.113.0/24", "198.51.100.7/32"]
    permissions_boundary = "arn:aws:iam::123456789012:policy/bounds"
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.balancer_from_anywhere : rule.cidr_ipv4]) == toset(["203.0.113.0/24", "198.51.100.7/32"])
    error_message = "Only the addresses that are asked for reach the balancer."
  }
  assert {
    condition     = alltrue([for role in concat(values(aws_iam_role.function), [aws_iam_role.relay, aws_iam_role.relay_start, aws_iam_role.sweep]) : role.permissions_boundary == "arn:aws:iam::123456789012:policy/bounds"])
    error_message = "Every role is bounded."
  }

  assert {
    condition     = output.media_url == "wss://calls.example.com/media" && length(aws_secretsmanager_secret.origin) == 0
    error_message = "With a domain the Voicebot URL is on it."
  }
  assert {
    condition     = length(aws_cloudfront_distribution.relay) + length(aws_lb_listener.http) + length(aws_vpc_security_group_ingress_rule.balancer_from_cloudfront) == 0
    error_message = "With a domain CloudFront has no part in it, and nothing is served without TLS."
  }
  assert {
    condition     = aws_route53_record.certificate["calls.example.com"].name == "_1.calls.example.com." && aws_route53_record.relay[0].name == "calls.example.com"
    error_message = "The certificate is proved and the name made in Route 53."
  }
  assert {
    condition     = aws_lb_listener.https[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    error_message = "TLS 1.2 at least."
  }
}

run "with_a_domain_whose_zone_is_elsewhere" {
  variables {
    domain_name = "calls.example.com"
  }

  assert {
    condition     = output.dns_records["_1.calls.example.com."] == "CNAME _2.acm-validations.aws." && startswith(output.dns_records["calls.example.com"], "CNAME ")
    error_message = "The records to make are told."
  }
  assert {
    condition     = length(aws_route53_record.certificate) + length(aws_route53_record.relay) == 0
    error_message = "None is made."
  }
}

run "on_arm" {
  variables {
    architecture = "arm64"
  }

  assert {
    condition     = aws_ecs_task_definition.relay.runtime_platform[0].cpu_architecture == "ARM64"
    error_message = "The relay runs on arm64."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.function : function.architectures == tolist(["arm64"]) && endswith(function.filename, "-aws-arm64.zip")])
    error_message = "The functions and their packages are arm64."
  }
}

run "what_can_be_chosen" {
  variables {
    name                          = "clinic"
    relay_cpu                     = 1024
    relay_memory                  = 2048
    records_retention_days        = 20
    audio_retention_days          = 5
    log_retention_days            = 7
    alarm_email                   = "ops@example.com"
    elevenlabs_webhook_secret     = "wsec_for_tests_only"
    secret_versions               = { media_token = 1, exotel_token = 1, control_token = 1, events_secret = 1, elevenlabs_api_key = 1, elevenlabs_webhook_secret = 7, raw_bodies_key = 1 }
    raw_bodies_key                = "raw_bodies_key_for_tests_only"
    transfer_reserved_concurrency = 5
    relay_schedule                = { morning = { schedule = "cron(45 8 ? * MON-SAT *)", min_tasks = 4 } }
    relay_environment             = { BACKGROUND_SOUND_FILE = "office", STATS_SECONDS = "10", EVENTS_URL = "https://mine.example.in/relay/events" }
    webhook_environment           = { TRANSFER_TEAM_1_NUMBER = "+918047100009", RAW_BODIES = "encrypted" }
    transfer_targets              = { sales = "+918047100001,+918047100002" }
    transfer_team_1_number        = "+918047100003"
    access_logs                   = true
    agents_file                   = "versions.tf"
  }

  assert {
    condition     = contains(keys(aws_lambda_function.function["webhook"].environment[0].variables), "RAW_BODIES_KEY_ARN") && !contains(keys(aws_lambda_function.function["transfer"].environment[0].variables), "RAW_BODIES_KEY_ARN") && aws_secretsmanager_secret.secret["raw_bodies_key"].name == "clinic/raw-bodies-key"
    error_message = "The webhook function alone has the key of the raw bodies."
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.records.rule : rule.noncurrent_version_expiration[0].noncurrent_days == 1 if strcontains(rule.id, "recordings")])
    error_message = "A piece that was joined goes with its old versions."
  }
  assert {
    condition     = one(aws_s3_object.agents).key == "config/agents/seed.toml" && one(aws_s3_object.agents).content == file("versions.tf")
    error_message = "The agents' file is put where no push writes."
  }

  assert {
    condition     = aws_lb.relay.name == "clinic" && aws_lambda_function.function["webhook"].function_name == "clinic-webhook" && startswith(aws_s3_bucket.records.bucket, "clinic-records-")
    error_message = "Everything is named after the installation."
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.records.rule[0].expiration[0].days == 20 && aws_s3_bucket_lifecycle_configuration.records.rule[0].noncurrent_version_expiration[0].noncurrent_days == 20
    error_message = "No version outlives the retention."
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.records.rule : "${rule.id} ${rule.expiration[0].days}"] == [for line in concat(formatlist("retention-%s 20", sort(local.record_prefixes)), ["audio 5", "recordings 5"]) : line] && contains(local.record_prefixes, "logs") && !contains(local.record_prefixes, "config")
    error_message = "Recordings go before the rest; the agents' file stays."
  }
  assert {
    condition     = alltrue([for group in concat([aws_cloudwatch_log_group.relay, aws_cloudwatch_log_group.api], values(aws_cloudwatch_log_group.function)) : group.retention_in_days == 7])
    error_message = "Every log group keeps what was asked for."
  }
  assert {
    condition     = contains(keys(aws_lambda_function.function["webhook"].environment[0].variables), "ELEVENLABS_WEBHOOK_SECRET_ARN")
    error_message = "The webhook function is told where its secret is."
  }
  assert {
    condition     = aws_lambda_function.function["transfer"].environment[0].variables["TRANSFER_TEAM_1_NUMBER"] == "+918047100003" && jsondecode(aws_lambda_function.function["transfer"].environment[0].variables["TRANSFER_TARGETS"])["sales"] == "+918047100001,+918047100002"
    error_message = "The functions know every target."
  }
  assert {
    condition     = aws_lambda_function.function["transfer"].reserved_concurrent_executions == 5 && aws_lambda_function.function["webhook"].reserved_concurrent_executions == -1
    error_message = "Concurrency is set aside where asked for."
  }
  assert {
    condition     = { for pair in jsondecode(aws_ecs_task_definition.relay.container_definitions)[0].environment : pair.name => pair.value if contains(["STATS_SECONDS", "EVENTS_URL", "DRAIN_SECONDS"], pair.name) } == { STATS_SECONDS = "10", EVENTS_URL = "https://mine.example.in/relay/events", DRAIN_SECONDS = "110" }
    error_message = "The relay's further settings win over our defaults."
  }
  assert {
    condition     = aws_lambda_function.function["webhook"].environment[0].variables.TRANSFER_TEAM_1_NUMBER == "+918047100009" && aws_lambda_function.function["transfer"].environment[0].variables.TRANSFER_TEAM_1_NUMBER == "+918047100003" && startswith(aws_lambda_function.function["webhook"].environment[0].variables.STORE, "s3://")
    error_message = "A function's further settings win over our defaults."
  }
  assert {
    condition     = aws_appautoscaling_scheduled_action.relay["morning"].scalable_target_action[0].min_capacity == "4" && aws_appautoscaling_scheduled_action.relay["morning"].timezone == "Asia/Kolkata"
    error_message = "Known peaks are prepared for."
  }
  assert {
    condition     = aws_lb.relay.access_logs[0].prefix == "access-logs" && aws_sns_topic_subscription.mail[0].endpoint == "ops@example.com"
    error_message = "Access logs and mail as asked for."
  }
}

run "the_header_of_the_balancer_is_renewed_in_turn" {
  variables {
    origin_secret_version = 5
  }

  assert {
    condition     = { for slot, version in aws_secretsmanager_secret_version.origin : slot => version.secret_string_wo_version } == { "0" = 4, "1" = 5 } && local.origin_sent == "1"
    error_message = "The new one is sent, the one before stays good until the next is made."
  }
  assert {
    condition     = length(one(aws_lb_listener_rule.from_cloudfront[0].condition).http_header[0].values) >= 1
    error_message = "The balancer lets both in."
  }
}

run "without_elevenlabs" {
  variables {
    elevenlabs_agent_id = ""
    elevenlabs_api_key  = ""
    secret_versions     = { media_token = 1, exotel_token = 1, control_token = 1, events_secret = 1 }
    relay_environment   = { AGENTS_FILE = "relay/config/agents.toml" }
    relay_secrets       = { OPENAI_API_KEY = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:openai-AbCdEf" }
  }

  assert {
    condition     = !contains(keys(aws_lambda_function.function["webhook"].environment[0].variables), "ELEVENLABS_API_KEY_ARN") && toset([for secret in jsondecode(aws_ecs_task_definition.relay.container_definitions)[0].secrets : secret.name]) == toset(["MEDIA_TOKEN", "CONTROL_TOKEN", "EVENTS_SECRET", "OPENAI_API_KEY"])
    error_message = "Who has no ElevenLabs agent need not invent a key."
  }
}

# --- Refused before anything is created ---------------------------------------------------------------------------

run "refuses_malformed_settings" {
  command = plan

  variables {
    elevenlabs_api_key        = "\"sk quoted\""
    elevenlabs_region         = "mars"
    elevenlabs_webhook_secret = "wsec one"
    transfer_team_1_number    = "1800 123 4567"
    transfer_team_2_number    = "team"
    region                    = "Mumbai"
    name                      = "Voice_Bridge"
    domain_name               = "https://calls.example.com"
    vpc_cidr                  = "10.0.0.0/8"
    zone_count                = 1
    alarm_email               = "ops"
    relay_image_tag           = "latest"
    architecture              = "amd64"
    sweep_minutes             = 0
    log_retention_days        = 31
    records_retention_days    = 0
    secret_versions           = { media_token = 0, exotel_token = 1, sesame = 1 }
    origin_secret_version     = 1
    media_token               = "short"
    exotel_token              = "with/slash/in/the/middle/of/it"
    control_token             = "control token with spaces in it"
    events_secret             = "short,events_secret_for_tests_only"
    relay_max_calls           = 1000
    relay_min_tasks           = 0
    audio_retention_days      = -1
    inbox_retention_days      = 5000
    permissions_boundary      = "bounds"
    relay_schedule            = { morning = { schedule = "09:00", min_tasks = 4 } }
    kms_key_arn               = "alias/records"
    network                   = { vpc_id = "vpc-1", balancer_subnet_ids = ["subnet-1"], relay_subnet_ids = ["subnet-2", "subnet-3"] }
    monthly_budget_usd        = -1
    alarm_thresholds          = { calls-refusd = 5 }
    scale_out_percent         = 100
    api_rate_limit            = 0
    relay_environment         = { MEDIA_TOKEN = "in plain" }
    transfer_environment      = { EXOTEL_TOKEN = "in plain" }
    relay_secrets             = { MEDIA_BASIC_AUTH = "user:password" }

    webhook_reserved_concurrency  = 0
    transfer_reserved_concurrency = -2
  }

  expect_failures = [
    var.elevenlabs_webhook_secret, var.elevenlabs_api_key, var.elevenlabs_region, var.transfer_team_1_number,
    var.transfer_team_2_number, var.region, var.name, var.domain_name, var.vpc_cidr, var.zone_count,
    var.alarm_email, var.relay_image_tag, var.architecture, var.sweep_minutes, var.log_retention_days,
    var.records_retention_days, var.secret_versions, var.origin_secret_version, var.media_token, var.exotel_token, var.control_token, var.events_secret, var.relay_max_calls, var.relay_min_tasks, var.relay_schedule, var.audio_retention_days, var.inbox_retention_days, var.permissions_boundary, var.scale_out_percent, var.api_rate_limit,
    var.kms_key_arn, var.network, var.monthly_budget_usd, var.alarm_thresholds,
    var.relay_environment, var.transfer_environment, var.relay_secrets,
    var.webhook_reserved_concurrency, var.transfer_reserved_concurrency,
  ]
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
    relay_secrets     = { LOOKUP_URL = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:lookup-AbCdEf" }
  }

  expect_failures = [aws_ecs_task_definition.relay]
}

run "refuses_encryption_without_its_key" {
  command = plan

  variables {
    webhook_environment = { RAW_BODIES = "encrypted" }
  }

  expect_failures = [var.webhook_environment]
}

run "takes_settings_that_just_fit" {
  command = plan

  variables {
    webhook_environment = { PRICES = join("", [for n in range(329) : "#रु\"\n"]) }
  }

  assert {
    condition     = local.function_environment_bytes["webhook"] <= 4096 && local.function_environment_bytes["webhook"] > 4096 - 11
    error_message = "Another line of this length would be too much."
  }
}

run "refuses_more_settings_than_lambda_takes" {
  command = plan

  variables {
    webhook_environment = { PRICES = join("", [for n in range(330) : "#रु\"\n"]) }
  }

  expect_failures = [aws_lambda_function.function]
}

run "refuses_sizes_that_fargate_does_not_have" {
  command = plan

  variables {
    relay_cpu       = 1024
    relay_memory    = 1024
    relay_max_tasks = 1

    allowed_addresses    = ["Exotel"]
    requests_per_address = 10
    nat_gateways         = 3
    private_endpoints    = true
  }

  expect_failures = [var.relay_memory, var.relay_max_tasks, var.allowed_addresses, var.requests_per_address, var.nat_gateways]
}

run "refuses_numbers_that_are_not_e164_and_a_zone_without_its_domain" {
  command = plan

  variables {
    transfer_targets = { sales = "08047100001" }
    hosted_zone_id   = "Z0123456789ABCDEFGHIJ"
  }

  expect_failures = [var.transfer_targets, var.hosted_zone_id]
}

run "refuses_to_have_nobody_to_transfer_to" {
  command = plan

  variables {
    transfer_targets = {}
  }

  expect_failures = [var.transfer_targets]
}

run "refuses_an_agent_without_its_key_and_no_agent_at_all" {
  command = plan

  variables {
    secret_versions = { media_token = 1, exotel_token = 1, control_token = 1, events_secret = 1 }
  }

  expect_failures = [var.elevenlabs_agent_id]
}

run "refuses_what_is_no_agent" {
  command = plan

  variables {
    elevenlabs_agent_id = "https://elevenlabs.io/app/agents/x"
  }

  expect_failures = [var.elevenlabs_agent_id]
}
