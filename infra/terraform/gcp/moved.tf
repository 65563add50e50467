# Where everything was before there was a module: an older state is kept, and nothing is created again.

moved {
  from = google_monitoring_notification_channel.email
  to   = module.bridge.google_monitoring_notification_channel.email
}

moved {
  from = google_monitoring_alert_policy.alert
  to   = module.bridge.google_monitoring_alert_policy.alert
}

moved {
  from = google_monitoring_uptime_check_config.relay
  to   = module.bridge.google_monitoring_uptime_check_config.relay
}

moved {
  from = google_monitoring_alert_policy.no_healthy_relay
  to   = module.bridge.google_monitoring_alert_policy.no_healthy_relay
}

moved {
  from = google_monitoring_dashboard.calls
  to   = module.bridge.google_monitoring_dashboard.calls
}

moved {
  from = google_compute_global_address.relay
  to   = module.bridge.google_compute_global_address.relay
}

moved {
  from = google_dns_record_set.relay
  to   = module.bridge.google_dns_record_set.relay
}

moved {
  from = google_compute_managed_ssl_certificate.relay
  to   = module.bridge.google_compute_managed_ssl_certificate.relay
}

moved {
  from = google_compute_region_network_endpoint_group.relay
  to   = module.bridge.google_compute_region_network_endpoint_group.relay
}

moved {
  from = google_compute_backend_service.relay
  to   = module.bridge.google_compute_backend_service.relay
}

moved {
  from = google_compute_url_map.relay
  to   = module.bridge.google_compute_url_map.relay
}

moved {
  from = google_compute_target_https_proxy.relay
  to   = module.bridge.google_compute_target_https_proxy.relay
}

moved {
  from = google_compute_global_forwarding_rule.relay
  to   = module.bridge.google_compute_global_forwarding_rule.relay
}

moved {
  from = google_storage_bucket_object.package
  to   = module.bridge.google_storage_bucket_object.package
}

moved {
  from = google_cloudfunctions2_function.function
  to   = module.bridge.google_cloudfunctions2_function.function
}

moved {
  from = google_cloud_run_v2_service_iam_member.function_public
  to   = module.bridge.google_cloud_run_v2_service_iam_member.function_public
}

moved {
  from = google_storage_bucket_iam_member.records
  to   = module.bridge.google_storage_bucket_iam_member.records
}

moved {
  from = google_storage_bucket_iam_member.records_list
  to   = module.bridge.google_storage_bucket_iam_member.records_list
}

moved {
  from = google_cloud_run_v2_service_iam_member.sweep_scheduler
  to   = module.bridge.google_cloud_run_v2_service_iam_member.sweep_scheduler
}

moved {
  from = google_cloud_scheduler_job.sweep
  to   = module.bridge.google_cloud_scheduler_job.sweep
}

moved {
  from = google_logging_project_exclusion.requests
  to   = module.bridge.google_logging_project_exclusion.requests
}

moved {
  from = google_project_service.api
  to   = module.bridge.google_project_service.api
}

moved {
  from = google_service_account.part
  to   = module.bridge.google_service_account.part
}

moved {
  from = google_artifact_registry_repository.images
  to   = module.bridge.google_artifact_registry_repository.images
}

moved {
  from = google_artifact_registry_repository_iam_member.build
  to   = module.bridge.google_artifact_registry_repository_iam_member.build
}

moved {
  from = google_project_iam_member.build_logs
  to   = module.bridge.google_project_iam_member.build_logs
}

moved {
  from = google_project_iam_member.build_source
  to   = module.bridge.google_project_iam_member.build_source
}

moved {
  from = google_storage_bucket.records
  to   = module.bridge.google_storage_bucket.records
}

moved {
  from = google_storage_bucket.source
  to   = module.bridge.google_storage_bucket.source
}

moved {
  from = google_logging_metric.event
  to   = module.bridge.google_logging_metric.event
}

moved {
  from = google_cloud_run_v2_service.relay
  to   = module.bridge.google_cloud_run_v2_service.relay
}

moved {
  from = google_cloud_run_v2_service_iam_member.relay_public
  to   = module.bridge.google_cloud_run_v2_service_iam_member.relay_public
}

moved {
  from = google_secret_manager_secret_iam_member.relay_outside
  to   = module.bridge.google_secret_manager_secret_iam_member.relay_outside
}

moved {
  from = google_secret_manager_secret.secret
  to   = module.bridge.google_secret_manager_secret.secret
}

moved {
  from = google_secret_manager_secret_version.secret
  to   = module.bridge.google_secret_manager_secret_version.secret
}

moved {
  from = google_secret_manager_secret_iam_member.reader
  to   = module.bridge.google_secret_manager_secret_iam_member.reader
}
