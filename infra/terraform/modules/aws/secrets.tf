# Every secret is an entry in Secrets Manager. Tokens and keys between the parts are made here; all are written by
# write-only arguments, so the state holds none but the three that URLs and header rules need (data source below).

locals {
  generated_secrets = {
    media   = "Token in the path of the media socket"
    exotel  = "Token in the query of the Connect and Passthru URLs"
    events  = "Signs the relay's events to the webhook function"
    control = "Bearer token of the relay's /bg-sound"
    origin  = "Header by which the load balancer knows CloudFront"
  }

  # What must be pasted, or compared by AWS itself.
  readable_secrets = toset(["media", "exotel", "origin"])

  # A few bits of the value's hash tell that it changed, without telling the value.
  given_secrets_version = {
    elevenlabs_api_key        = parseint(substr(nonsensitive(sha256(var.elevenlabs_api_key)), 0, 7), 16)
    elevenlabs_webhook_secret = parseint(substr(nonsensitive(sha256(var.elevenlabs_webhook_secret)), 0, 7), 16)
  }
  has_webhook_secret = nonsensitive(var.elevenlabs_webhook_secret != "")

  secret_arns = merge(
    { for name, secret in aws_secretsmanager_secret.generated : name => secret.arn },
    { elevenlabs_api_key = aws_secretsmanager_secret.elevenlabs_api_key.arn },
    local.has_webhook_secret ? { elevenlabs_webhook_secret = aws_secretsmanager_secret.elevenlabs_webhook_secret[0].arn } : {},
  )

  # Tasks and functions name the version they start with: a new secret is rolled out like a new image.
  secret_version_ids = merge(
    { for name, version in aws_secretsmanager_secret_version.generated : name => version.version_id },
    { elevenlabs_api_key = aws_secretsmanager_secret_version.elevenlabs_api_key.version_id },
    local.has_webhook_secret ? { elevenlabs_webhook_secret = aws_secretsmanager_secret_version.elevenlabs_webhook_secret[0].version_id } : {},
  )
}

module "token" {
  source   = "./token"
  for_each = local.generated_secrets
}

resource "aws_secretsmanager_secret" "generated" {
  for_each = local.generated_secrets

  name        = "${var.name}/${each.key}"
  description = each.value
  # Made anew by the next deploy; a waiting period would only keep that deploy from using the name.
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "generated" {
  for_each = local.generated_secrets

  secret_id                = aws_secretsmanager_secret.generated[each.key].id
  secret_string_wo         = module.token[each.key].value
  secret_string_wo_version = var.secrets_version
}

data "aws_secretsmanager_secret_version" "generated" {
  for_each = local.readable_secrets

  secret_id  = aws_secretsmanager_secret.generated[each.key].id
  version_id = aws_secretsmanager_secret_version.generated[each.key].version_id
}

resource "aws_secretsmanager_secret" "elevenlabs_api_key" {
  name                    = "${var.name}/elevenlabs-api-key"
  description             = "API key of the ElevenLabs workspace"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "elevenlabs_api_key" {
  secret_id                = aws_secretsmanager_secret.elevenlabs_api_key.id
  secret_string_wo         = var.elevenlabs_api_key
  secret_string_wo_version = local.given_secrets_version.elevenlabs_api_key
}

resource "aws_secretsmanager_secret" "elevenlabs_webhook_secret" {
  count = local.has_webhook_secret ? 1 : 0

  name                    = "${var.name}/elevenlabs-webhook-secret"
  description             = "Signs the post-call webhooks of ElevenLabs"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "elevenlabs_webhook_secret" {
  count = local.has_webhook_secret ? 1 : 0

  secret_id                = aws_secretsmanager_secret.elevenlabs_webhook_secret[0].id
  secret_string_wo         = var.elevenlabs_webhook_secret
  secret_string_wo_version = local.given_secrets_version.elevenlabs_webhook_secret
}
