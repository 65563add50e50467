# The records, and what guards them. Nothing here is destroyed by accident: `console deploy aws destroy`, or ALLOW_DESTROY by
# name, lift prevent_destroy for as long as they run.

locals {
  # All that is deleted in time. The agents' file and its versions (config/) are no records, and stay.
  record_prefixes = [for prefix in distinct(concat(flatten([for function in values(local.functions) : concat(function.reads, function.writes)]), ["access-logs"])) : prefix if prefix != "config"]
}

resource "aws_s3_bucket" "records" {
  bucket        = "${var.name}-records-${local.account}-${var.region}"
  force_destroy = var.delete_records

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_ownership_controls" "records" {
  bucket = aws_s3_bucket.records.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "records" {
  bucket = aws_s3_bucket.records.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "records" {
  bucket = aws_s3_bucket.records.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = local.kms_key == null ? "AES256" : "aws:kms"
      kms_master_key_id = local.kms_key
    }

    bucket_key_enabled = local.kms_key == null ? null : true # one request to the key for many objects
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "records" {
  bucket = aws_s3_bucket.records.id

  versioning_configuration {
    status = "Enabled"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "records" {
  #checkov:skip=CKV_AWS_300:each prefix has a rule that does; checkov looks for one without a prefix
  bucket = aws_s3_bucket.records.id

  dynamic "rule" {
    for_each = toset(local.record_prefixes)

    content {
      id     = "retention-${rule.key}"
      status = "Enabled"

      filter {
        prefix = "${rule.key}/"
      }

      expiration {
        days = var.records_retention_days
      }

      # Older versions exist to undo a mistake, not to keep personal data past its time. What a running call has told so
      # far is written every few seconds, and pieces of a recording go once the file made of them was read back and
      # compared: there is no mistake to undo.
      noncurrent_version_expiration {
        noncurrent_days = contains(["pending", "recordings"], rule.key) ? 1 : min(30, var.records_retention_days)
      }

      abort_incomplete_multipart_upload {
        days_after_initiation = 7
      }
    }
  }

  # Objects that are kept for a shorter time.
  dynamic "rule" {
    for_each = { for prefix, days in { audio = var.audio_retention_days, recordings = var.audio_retention_days, inbox = var.inbox_retention_days } : prefix => days if days > 0 }

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = "${rule.key}/"
      }

      expiration {
        days = rule.value
      }

      noncurrent_version_expiration {
        noncurrent_days = rule.key == "recordings" ? 1 : min(30, rule.value)
      }

      abort_incomplete_multipart_upload {
        days_after_initiation = 7
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.records]

  lifecycle {
    prevent_destroy = true
  }
}

data "aws_iam_policy_document" "records" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.records.arn, "${aws_s3_bucket.records.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = var.access_logs ? [1] : []

    content {
      sid       = "AccessLogs"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.records.arn}/access-logs/AWSLogs/${local.account}/*"]

      principals {
        type        = "Service"
        identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "records" {
  bucket = aws_s3_bucket.records.id
  policy = data.aws_iam_policy_document.records.json

  depends_on = [aws_s3_bucket_public_access_block.records]

  lifecycle {
    prevent_destroy = true
  }
}

# --- Agents -------------------------------------------------------------------------------------------------------

# What counts until somebody pushes a version. Made once: from then on agents are changed by make agents-push, which
# writes other keys, so no apply can undo a push.
resource "aws_s3_object" "agents" {
  count = var.agents_file == "" ? 0 : 1

  bucket       = aws_s3_bucket.records.id
  key          = "config/agents/seed.toml"
  content      = file(var.agents_file)
  content_type = "application/toml"

  lifecycle {
    ignore_changes = all
  }

  depends_on = [aws_s3_bucket_versioning.records, aws_s3_bucket_server_side_encryption_configuration.records]
}
