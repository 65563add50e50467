# With `codebuild`: the relay's image is built here, by the deploy command's order, so that who deploys needs no engine. The
# source is an archive of just the image's files, in a bucket of its own that forgets it after a week.

locals {
  codebuild = var.codebuild ? 1 : 0

  buildspec = {
    version = "0.2"
    phases = {
      build = {
        commands = [
          "aws ecr get-login-password --region \"$AWS_DEFAULT_REGION\" | docker login --username AWS --password-stdin \"$${REPOSITORY%%/*}\"",
          "docker build --file relay/Dockerfile --tag \"$REPOSITORY:$TAG\" .",
          "docker push \"$REPOSITORY:$TAG\"",
        ]
      }
    }
  }
}

resource "aws_s3_bucket" "source" {
  #checkov:skip=CKV_AWS_21:an archive is named by its content and can be rebuilt from git
  count = local.codebuild

  bucket        = "${var.name}-source-${local.account}-${var.region}"
  force_destroy = true # can be rebuilt from the source at any time
}

resource "aws_s3_bucket_public_access_block" "source" {
  count = local.codebuild

  bucket = aws_s3_bucket.source[0].id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "source" {
  count = local.codebuild

  bucket = aws_s3_bucket.source[0].id

  rule {
    id     = "forget"
    status = "Enabled"

    filter {}

    expiration {
      days = 7
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_cloudwatch_log_group" "image" {
  count = local.codebuild

  name              = "/${var.name}/image"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key
}

resource "aws_iam_role" "image" {
  count = local.codebuild

  name                 = "${var.name}-${var.region}-image"
  description          = "CodeBuild: read the archive, push the relay's image, write its log"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by["codebuild"].json
  permissions_boundary = local.permissions_boundary

  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "image" {
  count = local.codebuild

  statement {
    sid       = "Source"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${aws_s3_bucket.source[0].arn}/*"]
  }

  statement {
    sid       = "RegistryLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # this action knows no narrower resource
  }

  statement {
    sid       = "Image"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"]
    resources = [aws_ecr_repository.relay.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.image[0].arn}:*"]
  }
}

resource "aws_iam_role_policy" "image" {
  count = local.codebuild

  name   = "image"
  role   = aws_iam_role.image[0].id
  policy = data.aws_iam_policy_document.image[0].json
}

resource "aws_codebuild_project" "image" {
  #checkov:skip=CKV_AWS_316:it builds an image, and Docker in CodeBuild needs the privilege
  count = local.codebuild

  name          = "${var.name}-image"
  description   = "Builds the relay's image from the archive that a deploy puts into ${var.name}-source"
  service_role  = aws_iam_role.image[0].arn
  build_timeout = 20

  artifacts {
    type = "NO_ARTIFACTS"
  }

  environment {
    type            = var.architecture == "arm64" ? "ARM_CONTAINER" : "LINUX_CONTAINER"
    image           = var.architecture == "arm64" ? "aws/codebuild/amazonlinux-aarch64-standard:3.0" : "aws/codebuild/amazonlinux-x86_64-standard:5.0"
    compute_type    = "BUILD_GENERAL1_SMALL"
    privileged_mode = true

    environment_variable {
      name  = "REPOSITORY"
      value = aws_ecr_repository.relay.repository_url
    }
  }

  logs_config {
    cloudwatch_logs {
      group_name = aws_cloudwatch_log_group.image[0].name
    }
  }

  # Each build names its own source.
  source {
    type      = "NO_SOURCE"
    buildspec = yamlencode(local.buildspec)
  }
}
