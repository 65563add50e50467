# Off by default, because it costs money or can refuse callers: who may reach the relay and how often, and a
# budget's alarm. Both limits are the global load balancer's, so they need a domain.

locals {
  budgets    = var.monthly_budget > 0 ? toset([var.billing_account]) : toset([])
  is_limited = length(var.allowed_addresses) > 0 || var.requests_per_address > 0
  last_rule  = 2147483647 # the default one, which every policy must have

  # A rule takes ten networks.
  allowed_networks = length(var.allowed_addresses) > 0 ? chunklist(var.allowed_addresses, 10) : []
  access_rules = concat(
    [for index, networks in local.allowed_networks : { priority = 1000 + index, networks = networks, about = "allowed addresses", may = true }],
    [{ priority = local.last_rule, networks = ["*"], about = "everybody else", may = length(var.allowed_addresses) == 0 }],
  )
}

resource "google_compute_security_policy" "relay" {
  for_each = local.is_limited ? local.own_domain : toset([])

  name        = "${var.name}-relay"
  description = "Who may reach the relay, and how often"

  # A call is one request, so the limit counts calls, and whatever else comes. All of Exotel's calls come from a few
  # addresses: set it well above what they bring in five minutes.
  dynamic "rule" {
    for_each = local.access_rules

    content {
      action      = !rule.value.may ? "deny(403)" : var.requests_per_address > 0 ? "throttle" : "allow"
      priority    = rule.value.priority
      description = rule.value.about

      match {
        versioned_expr = "SRC_IPS_V1"
        config {
          src_ip_ranges = rule.value.networks
        }
      }

      dynamic "rate_limit_options" {
        for_each = rule.value.may && var.requests_per_address > 0 ? [var.requests_per_address] : []

        content {
          conform_action = "allow"
          exceed_action  = "deny(429)"
          enforce_on_key = "IP"

          rate_limit_threshold {
            count        = rate_limit_options.value
            interval_sec = 300
          }
        }
      }
    }
  }

  depends_on = [google_project_service.api]
}

# A budget names projects by their numbers; with an id every plan would want to change it.
data "google_project" "of_budget" {
  for_each = local.budgets

  project_id = var.project
}

resource "google_billing_budget" "project" {
  for_each = local.budgets

  billing_account = each.value
  display_name    = var.name

  budget_filter {
    projects = ["projects/${data.google_project.of_budget[each.key].number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }

  threshold_rules {
    threshold_percent = 0.8
  }
  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
  }

  depends_on = [google_project_service.api]
}
