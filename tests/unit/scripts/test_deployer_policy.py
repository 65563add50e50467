"""The policy for who deploys to AWS: its shape. What is called, the Terraform tests see."""

import json

from scripts import deployer_policy

POLICY = json.loads(deployer_policy.PAGE.read_text())


def test_it_fits_a_managed_policy():
    """IAM counts characters without spaces."""
    assert len(json.dumps(POLICY, separators=(",", ":"))) <= 6144


def test_only_read_actions_use_wildcards_and_nothing_allows_everything():
    for action in deployer_policy.actions(POLICY):
        service, _, name = action.partition(":")
        assert service
        assert "*" not in name or name in {"Describe*", "Get*", "List*"}, action


def test_what_is_named_after_the_installation_can_be_touched_under_its_name_only():
    policy = deployer_policy.document(["s3:GetObject", "iam:CreateRole", "ec2:DescribeVpcs", "ec2:CreateVpc"])
    by_sid = {one["Sid"]: one for one in policy["Statement"]}
    assert by_sid["S3"]["Resource"][0] == "arn:aws:s3:::NAME-records-ACCOUNT-REGION"
    assert by_sid["Iam"]["Resource"] == ["arn:aws:iam::ACCOUNT:role/NAME-REGION-*"]
    assert {"ec2:Describe*", "ec2:CreateVpc"} <= set(by_sid["Unnamed"]["Action"])
    assert by_sid["PassRole"]["Condition"]["StringEquals"]["iam:PassedToService"]
    (unnamed,) = [one for one in POLICY["Statement"] if one["Sid"] == "Unnamed"]
    kept = {"s3", "secretsmanager", "iam", "ecr", "lambda"}
    assert {one for one in unnamed["Action"] if one.split(":")[0] in kept} == deployer_policy.UNNAMED
    assert "iam:PassRole" not in by_sid["Iam"]["Action"] + by_sid["Unnamed"]["Action"]
