variable "labels" {
  description = "Labels for every resource that can carry them."
  type        = map(string)
  default     = {}
}
