# A bucket for documents, a queue that is told what is dropped into it, and a role that may do what reading needs and
# nothing else.
#   terraform -chdir=infra/terraform init
#   terraform -chdir=infra/terraform apply -var bucket=... -var oidc_provider_arn=... -var oidc_issuer=...
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

resource "aws_s3_bucket" "documents" {
  bucket = var.bucket
}

resource "aws_s3_bucket_public_access_block" "documents" {
  bucket                  = aws_s3_bucket.documents.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "documents" {
  bucket = aws_s3_bucket.documents.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
    bucket_key_enabled = true
  }
}

# an object that is replaced while it is read stays readable
resource "aws_s3_bucket_versioning" "documents" {
  bucket = aws_s3_bucket.documents.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "documents" {
  bucket     = aws_s3_bucket.documents.id
  depends_on = [aws_s3_bucket_versioning.documents]
  rule {
    id     = "uploads-that-were-given-up"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
}

# What arrives, changes, is deleted or expires below the prefix. Events are hints: a watcher also looks itself.

resource "aws_sqs_queue" "drops" {
  name                       = "${var.name}-drops"
  visibility_timeout_seconds = 120
  message_retention_seconds  = 1209600
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.undeliverable.arn
    maxReceiveCount     = 20
  })
}

resource "aws_sqs_queue" "undeliverable" {
  name                      = "${var.name}-undeliverable"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "events" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.drops.arn]
    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.documents.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.drops.id
  policy    = data.aws_iam_policy_document.events.json
}

resource "aws_s3_bucket_notification" "drops" {
  bucket     = aws_s3_bucket.documents.id
  depends_on = [aws_sqs_queue_policy.events]
  queue {
    queue_arn     = aws_sqs_queue.drops.arn
    filter_prefix = var.drops
    # a lifecycle rule deletes under a name of its own
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]
  }
}
