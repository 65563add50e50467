# The way in. With a domain: DNS → load balancer (TLS) → relay. Without one: CloudFront (its own name and certificate)
# → load balancer, which answers 403 to whatever does not carry the secret header → relay.

resource "aws_lb" "relay" {
  name               = var.name
  load_balancer_type = "application"
  internal           = false
  security_groups    = [aws_security_group.balancer.id]
  subnets            = local.balancer_subnets

  # The most there is, and longer than any call: a silent socket is the relay's business, never the balancer's.
  idle_timeout               = 4000
  drop_invalid_header_fields = true

  dynamic "access_logs" {
    for_each = var.access_logs ? [1] : []

    content {
      bucket  = aws_s3_bucket.records.bucket
      prefix  = "access-logs"
      enabled = true
    }
  }

  depends_on = [aws_s3_bucket_policy.records]
}

resource "aws_lb_target_group" "relay" {
  name                          = var.name
  vpc_id                        = local.vpc_id
  target_type                   = "ip"
  protocol                      = "HTTP"
  port                          = local.relay_port
  load_balancing_algorithm_type = "least_outstanding_requests"

  # Runs before SIGTERM: a task that is replaced keeps its calls for as long as one can last.
  deregistration_delay = local.longest_call_seconds

  health_check {
    # Not /ready: a full or draining relay must be left alone, not replaced with its calls. Only a relay that has retired,
    # because a newer release runs, says no here: it gets no new call, and keeps those it has (docs/aws.md).
    path                = "/balance"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 5
  }
}

# --- With a domain ------------------------------------------------------------------------------------------------

resource "aws_acm_certificate" "relay" {
  count = local.has_domain ? 1 : 0

  domain_name       = var.domain_name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# Without a zone here the records are yours to make: the output dns_records names them, and the deploy waits for them.
resource "aws_route53_record" "certificate" {
  # Keyed by the name, which is known before the certificate exists.
  for_each = toset(local.has_zone ? [var.domain_name] : [])

  zone_id         = var.hosted_zone_id
  name            = one([for option in aws_acm_certificate.relay[0].domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type            = one([for option in aws_acm_certificate.relay[0].domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records         = [one([for option in aws_acm_certificate.relay[0].domain_validation_options : option.resource_record_value if option.domain_name == each.key])]
  ttl             = 60
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "relay" {
  count = local.has_domain ? 1 : 0

  certificate_arn         = aws_acm_certificate.relay[0].arn
  validation_record_fqdns = local.has_zone ? [for record in aws_route53_record.certificate : record.fqdn] : null
}

resource "aws_route53_record" "relay" {
  count = local.has_zone ? 1 : 0

  zone_id = var.hosted_zone_id
  name    = var.domain_name
  type    = "A"

  alias {
    name                   = aws_lb.relay.dns_name
    zone_id                = aws_lb.relay.zone_id
    evaluate_target_health = false
  }
}

resource "aws_lb_listener" "https" {
  count = local.has_domain ? 1 : 0

  load_balancer_arn = aws_lb.relay.arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.relay[0].certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.relay.arn
  }
}

# --- Without ------------------------------------------------------------------------------------------------------

resource "aws_lb_listener" "http" {
  count = local.has_domain ? 0 : 1

  load_balancer_arn = aws_lb.relay.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Not this way."
      status_code  = "403"
    }
  }
}

resource "aws_lb_listener_rule" "from_cloudfront" {
  count = local.has_domain ? 0 : 1

  listener_arn = aws_lb_listener.http[0].arn
  priority     = 10

  condition {
    http_header {
      http_header_name = "X-Origin-Secret"
      values           = [for secret in data.aws_secretsmanager_secret_version.origin : secret.secret_string]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.relay.arn
  }
}

resource "aws_cloudfront_distribution" "relay" {
  count = local.has_domain ? 0 : 1

  comment         = "${var.name}: name and certificate of the relay"
  enabled         = true
  http_version    = "http2"
  is_ipv6_enabled = true
  price_class     = "PriceClass_200" # the cheapest with edges in India

  origin {
    origin_id   = "balancer"
    domain_name = aws_lb.relay.dns_name

    custom_header {
      name  = "X-Origin-Secret"
      value = data.aws_secretsmanager_secret_version.origin[local.origin_sent].secret_string
    }

    custom_origin_config {
      http_port                = 80
      https_port               = 443
      origin_protocol_policy   = "http-only" # no public CA gives a certificate for the balancer's own name
      origin_ssl_protocols     = ["TLSv1.2"]
      origin_read_timeout      = 60
      origin_keepalive_timeout = 60
    }
  }

  default_cache_behavior {
    target_origin_id       = "balancer"
    viewer_protocol_policy = "https-only"
    allowed_methods        = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods         = ["GET", "HEAD"]

    # AWS-managed policies, the same ids in every account: CachingDisabled, and AllViewer, which also forwards what a
    # WebSocket upgrade and Basic auth need.
    cache_policy_id          = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    origin_request_policy_id = "216adef6-5c7f-47e4-b989-5493eafa07d3"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = true
  }

  # The balancer lets the new header in before CloudFront sends it.
  depends_on = [aws_lb_listener_rule.from_cloudfront]
}

# --- Both ---------------------------------------------------------------------------------------------------------

# The relay's metrics are for scrapers inside; from outside they would tell everybody how many calls there are.
resource "aws_lb_listener_rule" "no_metrics" {
  listener_arn = local.has_domain ? aws_lb_listener.https[0].arn : aws_lb_listener.http[0].arn
  priority     = 1

  condition {
    path_pattern {
      values = ["/metrics"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Not found."
      status_code  = "404"
    }
  }
}
