# Every secret is an entry in Secrets Manager. Values come in as ephemeral variables and are written by write-only
# arguments: none is in the state, in a plan or in an output. `console deploy` makes the tokens, reads them back at every
# later deploy, and prints the addresses that hold them.

locals {
  secrets = {
    media_token               = { entry = "media", about = "Token in the path of the media socket" }
    exotel_token              = { entry = "exotel", about = "Token in the query of the Connect and Passthru URLs" }
    events_secret             = { entry = "events", about = "Signs the relay's events to the webhook function" }
    control_token             = { entry = "control", about = "Bearer token of the relay's /bg-sound" }
    elevenlabs_api_key        = { entry = "elevenlabs-api-key", about = "API key of the ElevenLabs workspace" }
    elevenlabs_webhook_secret = { entry = "elevenlabs-webhook-secret", about = "Signs the post-call webhooks of ElevenLabs" }
    raw_bodies_key            = { entry = "raw-bodies-key", about = "Encrypts raw webhooks in the bucket" }
  }

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

  secret_arns = { for name, secret in aws_secretsmanager_secret.secret : name => secret.arn }

  # Tasks and functions name the version they start with: a new secret is rolled out like a new image, and an older release
  # that is gone back to finds its own.
  secret_version_ids = { for name, version in aws_secretsmanager_secret_version.secret : name => version.version_id }
}

resource "aws_secretsmanager_secret" "secret" {
  for_each = var.secret_versions

  name        = "${var.name}/${local.secrets[each.key].entry}"
  description = local.secrets[each.key].about
  kms_key_id  = local.kms_key
  # Created again by the next deploy; a waiting period would only keep that deploy from using the name.
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "secret" {
  for_each = var.secret_versions

  secret_id                = aws_secretsmanager_secret.secret[each.key].id
  secret_string_wo         = local.secret_values[each.key]
  secret_string_wo_version = each.value
}

# --- The header by which the load balancer knows CloudFront -------------------------------------------------------
# The one value that is in the state: a listener's rule and a distribution are made of it, and AWS shows both to anybody who may
# read them. It opens nothing by itself: the balancer lets in only CloudFront's addresses, and the relay asks for its token.
# There are two of them, made in turn, and both are let in: while CloudFront takes up the new one, the old one is still good.

locals {
  origin_slots = local.has_domain ? {} : {
    for slot in [0, 1] : tostring(slot) => var.origin_secret_version - (var.origin_secret_version % 2 == slot ? 0 : 1)
  }
  origin_sent = tostring(var.origin_secret_version % 2)
}

module "origin_token" {
  source   = "./token"
  for_each = local.origin_slots
}

resource "aws_secretsmanager_secret" "origin" {
  for_each = local.origin_slots

  name                    = "${var.name}/origin-${each.key}"
  description             = "Header by which the load balancer knows CloudFront"
  kms_key_id              = local.kms_key
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "origin" {
  for_each = local.origin_slots

  secret_id                = aws_secretsmanager_secret.origin[each.key].id
  secret_string_wo         = module.origin_token[each.key].value
  secret_string_wo_version = each.value
}

data "aws_secretsmanager_secret_version" "origin" {
  for_each = local.origin_slots

  secret_id  = aws_secretsmanager_secret.origin[each.key].id
  version_id = aws_secretsmanager_secret_version.origin[each.key].version_id
}

# --- From before the values came from outside ---------------------------------------------------------------------

moved {
  from = aws_secretsmanager_secret.generated["media"]
  to   = aws_secretsmanager_secret.secret["media_token"]
}

moved {
  from = aws_secretsmanager_secret.generated["exotel"]
  to   = aws_secretsmanager_secret.secret["exotel_token"]
}

moved {
  from = aws_secretsmanager_secret.generated["events"]
  to   = aws_secretsmanager_secret.secret["events_secret"]
}

moved {
  from = aws_secretsmanager_secret.generated["control"]
  to   = aws_secretsmanager_secret.secret["control_token"]
}

moved {
  from = aws_secretsmanager_secret.elevenlabs_api_key
  to   = aws_secretsmanager_secret.secret["elevenlabs_api_key"]
}

moved {
  from = aws_secretsmanager_secret.elevenlabs_webhook_secret[0]
  to   = aws_secretsmanager_secret.secret["elevenlabs_webhook_secret"]
}

moved {
  from = aws_secretsmanager_secret_version.generated["media"]
  to   = aws_secretsmanager_secret_version.secret["media_token"]
}

moved {
  from = aws_secretsmanager_secret_version.generated["exotel"]
  to   = aws_secretsmanager_secret_version.secret["exotel_token"]
}

moved {
  from = aws_secretsmanager_secret_version.generated["events"]
  to   = aws_secretsmanager_secret_version.secret["events_secret"]
}

moved {
  from = aws_secretsmanager_secret_version.generated["control"]
  to   = aws_secretsmanager_secret_version.secret["control_token"]
}

moved {
  from = aws_secretsmanager_secret_version.elevenlabs_api_key
  to   = aws_secretsmanager_secret_version.secret["elevenlabs_api_key"]
}

moved {
  from = aws_secretsmanager_secret_version.elevenlabs_webhook_secret[0]
  to   = aws_secretsmanager_secret_version.secret["elevenlabs_webhook_secret"]
}
