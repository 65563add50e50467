# With your own host name: a global load balancer with a managed certificate in front of the relay. Cloud Run's
# own domain mappings are a preview and not offered in asia-south1. Sockets live as long as the service's timeout: a
# backend of a serverless kind has none of its own that could be set.

locals {
  own_domain = var.domain_name == "" ? toset([]) : toset([var.domain_name])
}

resource "google_compute_global_address" "relay" {
  for_each = local.own_domain

  name       = "${var.name}-relay"
  depends_on = [google_project_service.api]
}

resource "google_dns_record_set" "relay" {
  for_each = var.dns_zone == "" ? toset([]) : local.own_domain

  managed_zone = var.dns_zone
  name         = "${each.value}."
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_global_address.relay[each.value].address]
}

resource "google_compute_managed_ssl_certificate" "relay" {
  for_each = local.own_domain

  # The name carries the domain: a certificate can't be changed, only replaced, and two of one name can't exist at once.
  name = "${var.name}-${substr(sha256(each.value), 0, 8)}"

  managed {
    domains = [each.value]
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_project_service.api]
}

resource "google_compute_region_network_endpoint_group" "relay" {
  for_each = local.own_domain

  name                  = "${var.name}-relay"
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloud_run_v2_service.relay.name
  }
}

resource "google_compute_backend_service" "relay" {
  for_each = local.own_domain

  name                  = "${var.name}-relay"
  protocol              = "HTTPS"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  security_policy       = local.is_limited ? google_compute_security_policy.relay[each.value].id : null

  backend {
    group = google_compute_region_network_endpoint_group.relay[each.value].id
  }
}

resource "google_compute_url_map" "relay" {
  for_each = local.own_domain

  name            = "${var.name}-relay"
  default_service = google_compute_backend_service.relay[each.value].id
}

resource "google_compute_ssl_policy" "relay" {
  for_each = local.own_domain

  name            = "${var.name}-relay"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
  depends_on      = [google_project_service.api]
}

resource "google_compute_target_https_proxy" "relay" {
  for_each = local.own_domain

  name             = "${var.name}-relay"
  url_map          = google_compute_url_map.relay[each.value].id
  ssl_certificates = [google_compute_managed_ssl_certificate.relay[each.value].id]
  ssl_policy       = google_compute_ssl_policy.relay[each.value].id
}

resource "google_compute_global_forwarding_rule" "relay" {
  for_each = local.own_domain

  name                  = "${var.name}-relay"
  target                = google_compute_target_https_proxy.relay[each.value].id
  ip_address            = google_compute_global_address.relay[each.value].address
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
