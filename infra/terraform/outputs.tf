output "queue" {
  description = "For nightread watch --queue."
  value       = aws_sqs_queue.drops.url
}

output "role" {
  description = "For the annotation of the service account in infra/k8s/access.yaml."
  value       = aws_iam_role.reader.arn
}
