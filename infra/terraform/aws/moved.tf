# Where everything was before there was a module: an older state is kept, and nothing is created again.

moved {
  from = aws_s3_bucket.records
  to   = module.bridge.aws_s3_bucket.records
}

moved {
  from = aws_s3_bucket_ownership_controls.records
  to   = module.bridge.aws_s3_bucket_ownership_controls.records
}

moved {
  from = aws_s3_bucket_public_access_block.records
  to   = module.bridge.aws_s3_bucket_public_access_block.records
}

moved {
  from = aws_s3_bucket_server_side_encryption_configuration.records
  to   = module.bridge.aws_s3_bucket_server_side_encryption_configuration.records
}

moved {
  from = aws_s3_bucket_versioning.records
  to   = module.bridge.aws_s3_bucket_versioning.records
}

moved {
  from = aws_s3_bucket_lifecycle_configuration.records
  to   = module.bridge.aws_s3_bucket_lifecycle_configuration.records
}

moved {
  from = aws_s3_bucket_policy.records
  to   = module.bridge.aws_s3_bucket_policy.records
}

moved {
  from = aws_lb.relay
  to   = module.bridge.aws_lb.relay
}

moved {
  from = aws_lb_target_group.relay
  to   = module.bridge.aws_lb_target_group.relay
}

moved {
  from = aws_acm_certificate.relay
  to   = module.bridge.aws_acm_certificate.relay
}

moved {
  from = aws_route53_record.certificate
  to   = module.bridge.aws_route53_record.certificate
}

moved {
  from = aws_acm_certificate_validation.relay
  to   = module.bridge.aws_acm_certificate_validation.relay
}

moved {
  from = aws_route53_record.relay
  to   = module.bridge.aws_route53_record.relay
}

moved {
  from = aws_lb_listener.https
  to   = module.bridge.aws_lb_listener.https
}

moved {
  from = aws_lb_listener.http
  to   = module.bridge.aws_lb_listener.http
}

moved {
  from = aws_lb_listener_rule.from_cloudfront
  to   = module.bridge.aws_lb_listener_rule.from_cloudfront
}

moved {
  from = aws_cloudfront_distribution.relay
  to   = module.bridge.aws_cloudfront_distribution.relay
}

moved {
  from = aws_lb_listener_rule.no_metrics
  to   = module.bridge.aws_lb_listener_rule.no_metrics
}

moved {
  from = aws_cloudwatch_log_group.function
  to   = module.bridge.aws_cloudwatch_log_group.function
}

moved {
  from = aws_iam_role.function
  to   = module.bridge.aws_iam_role.function
}

moved {
  from = aws_iam_role_policy.function
  to   = module.bridge.aws_iam_role_policy.function
}

moved {
  from = aws_lambda_function.function
  to   = module.bridge.aws_lambda_function.function
}

moved {
  from = aws_apigatewayv2_api.functions
  to   = module.bridge.aws_apigatewayv2_api.functions
}

moved {
  from = aws_cloudwatch_log_group.api
  to   = module.bridge.aws_cloudwatch_log_group.api
}

moved {
  from = aws_apigatewayv2_stage.default
  to   = module.bridge.aws_apigatewayv2_stage.default
}

moved {
  from = aws_apigatewayv2_integration.function
  to   = module.bridge.aws_apigatewayv2_integration.function
}

moved {
  from = aws_apigatewayv2_route.route
  to   = module.bridge.aws_apigatewayv2_route.route
}

moved {
  from = aws_lambda_permission.api
  to   = module.bridge.aws_lambda_permission.api
}

moved {
  from = aws_sqs_queue.failed_sweeps
  to   = module.bridge.aws_sqs_queue.failed_sweeps
}

moved {
  from = aws_lambda_function_event_invoke_config.sweep
  to   = module.bridge.aws_lambda_function_event_invoke_config.sweep
}

moved {
  from = aws_iam_role.sweep
  to   = module.bridge.aws_iam_role.sweep
}

moved {
  from = aws_iam_role_policy.sweep
  to   = module.bridge.aws_iam_role_policy.sweep
}

moved {
  from = aws_scheduler_schedule.sweep
  to   = module.bridge.aws_scheduler_schedule.sweep
}

moved {
  from = aws_vpc.main
  to   = module.bridge.aws_vpc.main
}

moved {
  from = aws_default_security_group.closed
  to   = module.bridge.aws_default_security_group.closed
}

moved {
  from = aws_internet_gateway.main
  to   = module.bridge.aws_internet_gateway.main
}

moved {
  from = aws_subnet.public
  to   = module.bridge.aws_subnet.public
}

moved {
  from = aws_route_table.public
  to   = module.bridge.aws_route_table.public
}

moved {
  from = aws_route_table_association.public
  to   = module.bridge.aws_route_table_association.public
}

moved {
  from = aws_security_group.balancer
  to   = module.bridge.aws_security_group.balancer
}

moved {
  from = aws_security_group.relay
  to   = module.bridge.aws_security_group.relay
}

moved {
  from = aws_vpc_security_group_ingress_rule.balancer_from_cloudfront
  to   = module.bridge.aws_vpc_security_group_ingress_rule.balancer_from_cloudfront
}

moved {
  from = aws_vpc_security_group_ingress_rule.balancer_from_anywhere
  to   = module.bridge.aws_vpc_security_group_ingress_rule.balancer_from_anywhere
}

moved {
  from = aws_vpc_security_group_egress_rule.balancer_to_relay
  to   = module.bridge.aws_vpc_security_group_egress_rule.balancer_to_relay
}

moved {
  from = aws_vpc_security_group_ingress_rule.relay_from_balancer
  to   = module.bridge.aws_vpc_security_group_ingress_rule.relay_from_balancer
}

moved {
  from = aws_vpc_security_group_egress_rule.relay_to_https
  to   = module.bridge.aws_vpc_security_group_egress_rule.relay_to_https
}

moved {
  from = aws_cloudwatch_log_metric_filter.metric
  to   = module.bridge.aws_cloudwatch_log_metric_filter.metric
}

moved {
  from = aws_sns_topic.alarms
  to   = module.bridge.aws_sns_topic.alarms
}

moved {
  from = aws_sns_topic_subscription.mail
  to   = module.bridge.aws_sns_topic_subscription.mail
}

moved {
  from = aws_cloudwatch_metric_alarm.over
  to   = module.bridge.aws_cloudwatch_metric_alarm.over
}

moved {
  from = aws_cloudwatch_metric_alarm.no_healthy_task
  to   = module.bridge.aws_cloudwatch_metric_alarm.no_healthy_task
}

moved {
  from = aws_cloudwatch_metric_alarm.computed
  to   = module.bridge.aws_cloudwatch_metric_alarm.computed
}

moved {
  from = aws_cloudwatch_dashboard.main
  to   = module.bridge.aws_cloudwatch_dashboard.main
}

moved {
  from = aws_ecr_repository.relay
  to   = module.bridge.aws_ecr_repository.relay
}

moved {
  from = aws_ecr_lifecycle_policy.relay
  to   = module.bridge.aws_ecr_lifecycle_policy.relay
}

moved {
  from = aws_cloudwatch_log_group.relay
  to   = module.bridge.aws_cloudwatch_log_group.relay
}

moved {
  from = aws_iam_role.relay_start
  to   = module.bridge.aws_iam_role.relay_start
}

moved {
  from = aws_iam_role_policy.relay_start
  to   = module.bridge.aws_iam_role_policy.relay_start
}

moved {
  from = aws_iam_role.relay
  to   = module.bridge.aws_iam_role.relay
}

moved {
  from = aws_iam_role_policy.relay
  to   = module.bridge.aws_iam_role_policy.relay
}

moved {
  from = aws_ecs_cluster.main
  to   = module.bridge.aws_ecs_cluster.main
}

moved {
  from = aws_ecs_task_definition.relay
  to   = module.bridge.aws_ecs_task_definition.relay
}

moved {
  from = aws_ecs_service.relay
  to   = module.bridge.aws_ecs_service.relay
}

moved {
  from = aws_appautoscaling_target.relay
  to   = module.bridge.aws_appautoscaling_target.relay
}

moved {
  from = aws_appautoscaling_policy.out_on_calls
  to   = module.bridge.aws_appautoscaling_policy.out_on_calls
}

moved {
  from = aws_appautoscaling_policy.out_on_cpu
  to   = module.bridge.aws_appautoscaling_policy.out_on_cpu
}

moved {
  from = aws_appautoscaling_policy.in_one_by_one
  to   = module.bridge.aws_appautoscaling_policy.in_one_by_one
}

moved {
  from = aws_cloudwatch_metric_alarm.few_calls
  to   = module.bridge.aws_cloudwatch_metric_alarm.few_calls
}

moved {
  from = aws_secretsmanager_secret.generated
  to   = module.bridge.aws_secretsmanager_secret.generated
}

moved {
  from = aws_secretsmanager_secret_version.generated
  to   = module.bridge.aws_secretsmanager_secret_version.generated
}

moved {
  from = aws_secretsmanager_secret.elevenlabs_api_key
  to   = module.bridge.aws_secretsmanager_secret.elevenlabs_api_key
}

moved {
  from = aws_secretsmanager_secret_version.elevenlabs_api_key
  to   = module.bridge.aws_secretsmanager_secret_version.elevenlabs_api_key
}

moved {
  from = aws_secretsmanager_secret.elevenlabs_webhook_secret
  to   = module.bridge.aws_secretsmanager_secret.elevenlabs_webhook_secret
}

moved {
  from = aws_secretsmanager_secret_version.elevenlabs_webhook_secret
  to   = module.bridge.aws_secretsmanager_secret_version.elevenlabs_webhook_secret
}
