variable "name" {
  description = "Name of the role, and beginning of the queues' names."
  type        = string
  default     = "nightread"
}

variable "bucket" {
  description = "Name of the bucket for documents; it is created."
  type        = string
}

variable "drops" {
  description = "Prefix below which documents are read as they arrive."
  type        = string
  default     = "drops/"
}

variable "dead_letters" {
  description = "Prefix for copies of documents that could not be read (the setting watch.dead_letter)."
  type        = string
  default     = "dead-letters/"
}

variable "home_bucket" {
  description = "Bucket of a home in S3 (home=s3://...), which exists already; empty where the home is a folder."
  type        = string
  default     = ""
}

variable "oidc_provider_arn" {
  description = "The cluster's identity provider, which lets its service account take the role."
  type        = string
}

variable "oidc_issuer" {
  description = "Its issuer without https://, such as oidc.eks.eu-west-1.amazonaws.com/id/ABC."
  type        = string
}
