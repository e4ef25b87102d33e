"""Bedrock's Converse, by AWS's client."""

import boto3

boto3.client("bedrock-runtime", region_name="eu-central-1").converse(
    modelId="anthropic.claude-haiku-4-5-20251001-v1:0",
    system=[{"text": "Be brief."}],
    messages=[{"role": "user", "content": [{"text": "Is it raining in Paris?"}]}],
)
