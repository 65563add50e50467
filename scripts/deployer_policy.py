"""Writes infra/terraform/aws/deployer-policy.json: the rights to deploy to AWS, from the actions that the tests called.

    python -m scripts.deployer_policy FILE      FILE: the actions that were called, one per line

Users fill in NAME, REGION and ACCOUNT. If the resources of a service are named after the installation, the policy
allows only those; the ids of other resources are not known in advance.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parent.parent / "infra/terraform/aws/deployer-policy.json"

# Actions that the tests can't observe: docker pushes the image, AWS checks further rights, moto skips a step.
FURTHER: Final = {
    "ecr:BatchCheckLayerAvailability": "the image is pushed by docker",
    "ecr:CompleteLayerUpload": "as above",
    "ecr:InitiateLayerUpload": "as above",
    "ecr:PutImage": "as above",
    "ecr:UploadLayerPart": "as above",
    "ecs:DescribeTasks": "the deploy waits for the new tasks, which are there at once in the tests",
    "elasticloadbalancing:DescribeTargetHealth": "as above",
    "lambda:UpdateFunctionCode": "new code, which the tests do not deploy",
    "sns:Subscribe": "ALARM_EMAIL",
    "sns:Unsubscribe": "as above",
    "sns:GetSubscriptionAttributes": "as above",
    "apigateway:PATCH": "changes that other settings and later releases bring",
    "elasticloadbalancing:ModifyListener": "as above",
    "elasticloadbalancing:ModifyRule": "as above",
    "elasticloadbalancing:ModifyTargetGroup": "as above",
    "iam:UpdateAssumeRolePolicy": "as above",
    "scheduler:UpdateSchedule": "as above",
    "secretsmanager:UpdateSecret": "as above",
    "secretsmanager:UpdateSecretVersionStage": "an earlier release's secrets are kept, and the tests deploy once",
    "sqs:SetQueueAttributes": "as above",
    "application-autoscaling:DeleteScheduledAction": "relay_schedule",
    "application-autoscaling:DescribeScheduledActions": "as above",
    "application-autoscaling:PutScheduledAction": "as above",
    "iam:PassRole": "the roles are given to tasks, functions and the schedule",
    "iam:CreateServiceLinkedRole": "the account's first cluster, load balancer and scaling",
    "s3:DeleteObject": "a bucket is emptied with DELETE_RECORDS=yes",
    "s3:DeleteObjectVersion": "as above",
    "s3:ListBucketVersions": "as above",
    "ecs:TagResource": "things are tagged when they are made",
    "lambda:TagResource": "as above",
    "logs:TagResource": "as above",
    "secretsmanager:TagResource": "as above",
    "elasticloadbalancing:AddTags": "as above",
    "ec2:CreateTags": "as above",
    "iam:TagRole": "as above",
    "cloudfront:TagResource": "as above",
    "events:TagResource": "as above",
    "sqs:TagQueue": "as above",
    "sns:TagResource": "as above",
    "cloudwatch:TagResource": "as above",
    "application-autoscaling:TagResource": "as above",
    "ecr:TagResource": "as above",
}

# Resources that are named after the installation.
NAMED: Final = {
    "ecr": ["arn:aws:ecr:REGION:ACCOUNT:repository/NAME-relay"],
    "iam": ["arn:aws:iam::ACCOUNT:role/NAME-REGION-*"],
    "lambda": ["arn:aws:lambda:REGION:ACCOUNT:function:NAME-*"],
    "s3": ["arn:aws:s3:::NAME-records-ACCOUNT-REGION", "arn:aws:s3:::NAME-records-ACCOUNT-REGION/*"],
    "secretsmanager": ["arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME/*"],
    "sns": ["arn:aws:sns:REGION:ACCOUNT:NAME-alarms*"],
    "sqs": ["arn:aws:sqs:REGION:ACCOUNT:NAME-failed-sweeps"],
}
# Actions of those services for which IAM has no narrower resource.
UNNAMED: Final = {"ecr:GetAuthorizationToken", "secretsmanager:GetRandomPassword", "iam:CreateServiceLinkedRole"}


def document(called: Iterable[str]) -> dict[str, Any]:
    """The policy."""
    actions = set(called) | set(FURTHER)
    statements = []
    everywhere = set(actions)
    for service, resources in NAMED.items():
        of_service = {one for one in actions if one.startswith(f"{service}:")} - UNNAMED - {"iam:PassRole"}
        everywhere -= of_service
        statements.append(_statement(service.title(), of_service, resources))
    passing = _statement("PassRole", {"iam:PassRole"}, NAMED["iam"])
    services = ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com"]
    passing["Condition"] = {"StringEquals": {"iam:PassedToService": services}}
    everywhere.discard("iam:PassRole")
    return {
        "Version": "2012-10-17",
        "Statement": [*statements, passing, _statement("Unnamed", everywhere, ["*"])],
    }


def actions(policy: dict[str, Any]) -> set[str]:
    """All actions that a policy allows; a final `*` stands for any text."""
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def _short(action: str) -> str:
    """Shorten an action that only reads to its first word, because a policy may have only 6,144 characters."""
    service, _, name = action.partition(":")
    verb = next((verb for verb in ("Describe", "Get", "List") if name.startswith(verb)), "")
    return f"{service}:{verb}*" if verb and action not in UNNAMED else action


def _statement(sid: str, actions: Iterable[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(set(map(_short, actions))), "Resource": resources}


def main(file: str) -> int:
    """Write the policy."""
    policy = document(Path(file).read_text(encoding="utf-8").split())
    PAGE.write_text(json.dumps(policy, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
